//! Inference with whisper.cpp: one state and one ggml thread per worker.
//!
//! ggml spins at barriers, so a second thread per inference costs more than it gives on a busy machine; parallel
//! speakers are served by parallel workers instead. Parameters are built once and cloned, because every language
//! string given to whisper-rs 0.16 is leaked.

use std::ffi::c_int;
use std::sync::Arc;

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperState,
};

use super::caption::CaptionText;
use super::model_file::ModelFile;
use super::pcm::{Pcm, RATE, samples};
use super::transcriber::{Hypothesis, TranscribeError, Transcriber};

/// Encoder positions (50 a second) to choose from; the smallest that covers the audio with a margin is used. The
/// encoder's cost grows with it, so short utterances are cheap.
const AUDIO_CONTEXTS: [i32; 5] = [256, 384, 512, 768, 1500];
/// whisper.cpp 1.8 reads behind the end of very short audio.
const SHORTEST: usize = samples(1_000) as usize;
/// Tokens of a typical 5 s utterance.
const REHEARSED_TOKENS: usize = 20;
/// whisper.cpp has freed the state when it returns this, and so must not we.
const STATE_LOST: c_int = -7;

/// A loaded model; its weights are shared by all workers.
pub(super) struct WhisperModel {
    context: WhisperContext,
    file: ModelFile,
    language: &'static str,
}

/// Where the weights are.
pub(super) enum Weights<'a> {
    Path(&'a str),
    Memory(&'a [u8]),
}

impl WhisperModel {
    /// `file`: the result of checking the same weights; unchecked ones may abort the process.
    pub(super) fn load(weights: Weights<'_>, file: ModelFile, language: &str) -> Result<Arc<Self>, String> {
        whisper_rs::install_logging_hooks();
        let known = language.bytes().all(|byte| byte.is_ascii_lowercase());
        let language = Some(language)
            .filter(|_| known)
            .and_then(whisper_rs::get_lang_id)
            .and_then(whisper_rs::get_lang_str)
            .ok_or_else(|| format!("the language {language:?} is unknown to Whisper"))?;
        if language != "en" && !file.multilingual() {
            return Err(format!("it knows English only, and the configured language is {language:?}"));
        }
        let mut parameters = WhisperContextParameters::default();
        parameters.use_gpu(false).flash_attn(false);
        let context = match weights {
            Weights::Path(path) => WhisperContext::new_with_params(path, parameters),
            Weights::Memory(bytes) => WhisperContext::new_from_buffer_with_params(bytes, parameters),
        };
        let context = context.map_err(|error| error.to_string())?;
        Ok(Arc::new(Self { context, file, language }))
    }
}

/// One worker's inference state.
pub(super) struct Whisper {
    model: Arc<WhisperModel>,
    /// `None` after whisper.cpp freed it in an error; made anew for the next inference.
    state: Option<WhisperState>,
    template: FullParams<'static, 'static>,
}

impl Whisper {
    pub(super) fn new(model: Arc<WhisperModel>) -> Self {
        let mut template = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        template.set_n_threads(1);
        template.set_language(Some(model.language));
        template.set_translate(false);
        template.set_no_context(true);
        template.set_no_timestamps(true);
        template.set_single_segment(true);
        template.set_suppress_blank(true);
        template.set_suppress_nst(true);
        template.set_temperature(0.0);
        // No second try at a higher temperature: it would multiply the cost exactly when the audio is bad.
        template.set_temperature_inc(0.0);
        template.set_print_special(false);
        template.set_print_progress(false);
        template.set_print_realtime(false);
        template.set_print_timestamps(false);
        Self { model, state: None, template }
    }

    fn state(&mut self) -> Result<&mut WhisperState, TranscribeError> {
        match &mut self.state {
            Some(state) => Ok(state),
            empty => Ok(empty.insert(self.model.context.create_state().map_err(failed)?)),
        }
    }

    fn infer(&mut self, pcm: &[f32]) -> Result<(), TranscribeError> {
        let mut padded = Pcm::copy_of(pcm);
        padded.extend_silence(SHORTEST.saturating_sub(pcm.len()));
        let seconds = padded.len() as f32 / RATE as f32;
        let wanted = (seconds * 50.0 * 1.15).ceil() as i32;
        let context = AUDIO_CONTEXTS.into_iter().find(|context| *context >= wanted).unwrap_or(1500);
        let mut parameters = self.template.clone();
        parameters.set_audio_ctx(context.min(self.model.file.audio_context));
        parameters.set_max_tokens(8 + (6.0 * seconds) as i32);
        let result = self.state()?.full(parameters, padded.as_slice());
        if let Err(WhisperError::GenericError(STATE_LOST)) = result {
            std::mem::forget(self.state.take());
        }
        result.map_err(failed)
    }

    /// Probability of "no speech" after the start token. whisper.cpp 1.8 reports it from a row of logits that was
    /// not computed, so the decoder is asked once more: one step on the encoding that is still in the state.
    fn no_speech(&mut self) -> Result<f32, TranscribeError> {
        let start = self.model.context.token_sot();
        let no_speech = self.model.context.token_nosp();
        let state = self.state()?;
        state.decode(&[start], 0, 1).map_err(failed)?;
        let logits = state.get_logits().map_err(failed)?;
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
        Ok(logits.get(no_speech as usize).map_or(0.0, |logit| (logit - highest).exp() / sum))
    }
}

impl Transcriber for Whisper {
    fn transcribe(&mut self, pcm: &[f32]) -> Result<Hypothesis, TranscribeError> {
        self.infer(pcm)?;
        let end_of_text = self.model.context.token_eot();
        let (mut bytes, mut probabilities) = (Vec::new(), Vec::new());
        // A token may end inside a UTF-8 sequence, so the bytes are joined before they become text.
        for segment in self.state()?.as_iter() {
            bytes.extend_from_slice(segment.to_bytes().map_err(failed)?);
            let tokens = (0..segment.n_tokens()).filter_map(|index| segment.get_token(index));
            probabilities.extend(
                tokens.filter(|token| token.token_id() < end_of_text).map(|token| token.token_probability()),
            );
        }
        let count = probabilities.len().max(1) as f32;
        Ok(Hypothesis {
            text: CaptionText::new(String::from_utf8_lossy(&bytes).trim().to_owned()),
            confidence: probabilities.iter().sum::<f32>() / count,
            log_probability: probabilities.iter().map(|p| p.max(1e-6).ln()).sum::<f32>() / count,
            no_speech: self.no_speech()?,
        })
    }

    fn rehearse(&mut self) -> Result<(), TranscribeError> {
        // Noise, not zeros: silence has shortcuts. A fixed generator (Numerical Recipes LCG) gives the same each time.
        let mut seed = 1_u32;
        let noise: Vec<f32> = (0..samples(5_000))
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 24) as f32 * 0.2 - 0.1
            })
            .collect();
        self.infer(&noise)?;
        let start = self.model.context.token_sot();
        let state = self.state()?;
        for past in 0..REHEARSED_TOKENS {
            state.decode(&[start], past, 1).map_err(failed)?;
        }
        Ok(())
    }
}

fn failed(error: WhisperError) -> TranscribeError {
    TranscribeError::Model(error.to_string())
}
