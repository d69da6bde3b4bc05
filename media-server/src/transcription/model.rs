//! Which speech model captions are made with, and what it can promise on this machine.

use std::sync::Arc;
use std::time::Duration;

use super::caption::CaptionsStatus;
use super::transcriber::{TranscribeError, Transcriber};

/// Makes one worker's transcriber, on that worker's thread.
pub(super) type Open = dyn Fn() -> Result<Box<dyn Transcriber>, TranscribeError> + Send + Sync;

/// A usable model.
pub(super) struct Model {
    pub(super) name: String,
    /// The small bundled model with a limited vocabulary.
    pub(super) demonstration: bool,
    pub(super) open: Box<Open>,
}

impl Model {
    pub(super) fn status(&self) -> CaptionsStatus {
        CaptionsStatus::Ready { model: self.name.clone(), demonstration: self.demonstration }
    }
}

/// A model and the number of consultations that get captions at full rate with it.
pub(super) struct Installed {
    pub(super) model: Arc<Model>,
    pub(super) promised: usize,
}

/// Consultations of two speakers that `workers` threads can caption at full rate when a typical inference costs
/// `cost`: about one inference for every second that somebody speaks (one partial a second, and the final), somebody
/// speaking all the time, 30 % headroom. At least one: the degradation ladder covers the rest.
pub(super) fn promised_consultations(cost: Duration, workers: usize) -> usize {
    const INFERENCES_PER_SECOND: f64 = 1.2;
    const UTILISATION: f64 = 0.7;
    let per_consultation = INFERENCES_PER_SECOND * cost.as_secs_f64().max(1e-3);
    ((workers as f64 * UTILISATION / per_consultation) as usize).max(1)
}

#[cfg(feature = "whisper")]
pub(super) use files::{at_path, configured};

#[cfg(feature = "whisper")]
mod files {
    use std::fs::File;
    use std::io::{BufReader, Cursor, Read};
    use std::path::Path;

    use aws_lc_rs::digest::{SHA256, digest};
    use flate2::read::GzDecoder;

    use super::super::model_file::ModelFile;
    use super::super::whisper::{Weights, Whisper, WhisperModel};
    use super::{Arc, Model};
    use crate::WhisperConfig;

    /// See `media-server/models/README.md`.
    const DEMONSTRATION: &[u8] = include_bytes!("../../models/clinic-test.en.bin.gz");
    const DEMONSTRATION_SHA256: &str = "d2c5bfbbbb15ebd7fe2e5d5e6659f0177c7126723377aeb86bf659dc68b99d2a";

    /// The model the configuration asks for, else the bundled one where that is allowed. `Err` is a sentence.
    pub(in super::super) fn configured(config: &WhisperConfig) -> Result<Model, String> {
        if !config.enabled {
            return Err("Captions are turned off in the configuration.".into());
        }
        let own = if config.model.as_os_str().is_empty() {
            Err("No speech model is configured.".into())
        } else {
            at_path(&config.model, &config.language)
        };
        own.or_else(|why| {
            if config.demonstration_fallback {
                tracing::warn!(%why, "captioning with the bundled demonstration model");
                demonstration(&config.language)
            } else {
                Err(why)
            }
        })
    }

    pub(in super::super) fn at_path(path: &Path, language: &str) -> Result<Model, String> {
        let unusable = |why: String| format!("The speech model {} cannot be used: {why}.", path.display());
        let file = File::open(path).map_err(|error| unusable(error.to_string()))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(unusable("it is not a file".into()));
        }
        let header =
            ModelFile::check(&mut BufReader::new(file)).map_err(|error| unusable(error.to_string()))?;
        let text = path.to_str().ok_or_else(|| unusable("its path is not valid Unicode".into()))?;
        let model = WhisperModel::load(Weights::Path(text), header, language).map_err(unusable)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.strip_prefix("ggml-").unwrap_or(&stem).to_owned();
        Ok(Model { name, demonstration: false, open: opener(model) })
    }

    fn demonstration(language: &str) -> Result<Model, String> {
        let unusable = |why: String| format!("The bundled demonstration model cannot be used: {why}.");
        let mut bytes = Vec::new();
        GzDecoder::new(DEMONSTRATION).read_to_end(&mut bytes).map_err(|error| unusable(error.to_string()))?;
        if hex::encode(digest(&SHA256, &bytes)) != DEMONSTRATION_SHA256 {
            return Err(unusable("its checksum is wrong".into()));
        }
        let header =
            ModelFile::check(&mut Cursor::new(&bytes)).map_err(|error| unusable(error.to_string()))?;
        let model = WhisperModel::load(Weights::Memory(&bytes), header, language).map_err(unusable)?;
        Ok(Model { name: "clinic-test.en".into(), demonstration: true, open: opener(model) })
    }

    fn opener(model: Arc<WhisperModel>) -> Box<super::Open> {
        Box::new(move || Ok(Box::new(Whisper::new(Arc::clone(&model)))))
    }
}

#[cfg(not(feature = "whisper"))]
mod absent {
    use std::path::Path;

    use super::Model;
    use crate::WhisperConfig;

    const WHY: &str = "Captions are not part of this build.";

    pub(in super::super) fn configured(_: &WhisperConfig) -> Result<Model, String> {
        Err(WHY.into())
    }

    pub(in super::super) fn at_path(_: &Path, _: &str) -> Result<Model, String> {
        Err(WHY.into())
    }
}
#[cfg(not(feature = "whisper"))]
pub(super) use absent::{at_path, configured};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_follow_the_measured_cost() {
        assert_eq!(promised_consultations(Duration::from_millis(60), 1), 9);
        assert_eq!(promised_consultations(Duration::from_millis(60), 3), 29);
        assert_eq!(promised_consultations(Duration::from_secs(5), 1), 1);
    }
}
