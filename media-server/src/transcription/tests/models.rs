//! The bundled model, and files that are none.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::super::model::{at_path, configured};
use super::super::model_file::{ModelFile, ModelFileError};
use super::super::transcriber::{Rejection, reject};
use super::dialogues::demonstration;
use super::sim::Dice;
use crate::WhisperConfig;

pub(super) fn bundled() -> Vec<u8> {
    let mut bytes = Vec::new();
    let packed: &[u8] = include_bytes!("../../../models/clinic-test.en.bin.gz");
    std::io::Read::read_to_end(&mut GzDecoder::new(packed), &mut bytes).unwrap();
    bytes
}

fn check(bytes: &[u8]) -> Result<ModelFile, ModelFileError> {
    ModelFile::check(&mut Cursor::new(bytes))
}

/// Replaces the header field at `index` (0 is the vocabulary size).
fn with_field(bytes: &[u8], index: usize, value: i32) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[4 + 4 * index..8 + 4 * index].copy_from_slice(&value.to_le_bytes());
    changed
}

fn find(bytes: &[u8], name: &str) -> usize {
    bytes.windows(name.len()).rposition(|window| window == name.as_bytes()).unwrap()
}

#[test]
fn only_a_whole_model_of_sound_dimensions_passes_the_check() {
    let bytes = bundled();
    let model = check(&bytes).unwrap();
    assert_eq!(model.audio_context, 1500);
    assert!(!model.multilingual());

    let mut dice = Dice::new(5);
    let random: Vec<u8> = (0..100_000).map(|_| dice.below(256) as u8).collect();
    assert!(matches!(check(&random), Err(ModelFileError::Magic)));
    assert!(matches!(check(b""), Err(ModelFileError::Read(_))));
    for length in [3, 40, 60, 30_000, 500_000, 5_000_000, bytes.len() - 1] {
        assert!(check(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    for (index, value) in [
        (0, 600),
        (0, i32::MAX),
        (1, 0),
        (2, -1),
        (2, 130),
        (3, 0),
        (3, 3),
        (4, 0),
        (4, 4),
        (5, 1 << 30),
        (6, 64),
        (8, 2),
        (9, 20),
    ] {
        assert!(check(&with_field(&bytes, index, value)).is_err(), "field {index} = {value}");
    }
    for ftype in [0, 2001, 5, 10, -7] {
        assert!(check(&with_field(&bytes, 10, ftype)).is_err(), "ftype {ftype}");
    }
    // Random damage of headers: an error or a model, never a panic.
    for _ in 0..200 {
        let mut damaged = bytes.clone();
        damaged[dice.below(200) as usize] = dice.below(256) as u8;
        let _ = check(&damaged);
    }
}

#[test]
fn missing_repeated_and_unknown_tensors_are_found() {
    let bytes = bundled();
    let last = find(&bytes, "decoder.ln.bias");
    // One dimension: its size and three numbers stand before the name.
    let without_last = &bytes[..last - 16];
    assert!(matches!(check(without_last), Err(ModelFileError::Missing(1))));
    let twice = [&bytes, &bytes[last - 16..]].concat();
    assert!(matches!(check(&twice), Err(ModelFileError::Tensor(name)) if name == "decoder.ln.bias"));
    let mut unknown = bytes.clone();
    unknown[last] = b'x';
    assert!(matches!(check(&unknown), Err(ModelFileError::Tensor(_))));
    assert!(check(&[&bytes[..], b"more"].concat()).is_err());
}

#[test]
fn a_model_that_cannot_be_used_is_explained_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let bytes = bundled();
    let cases = [
        (folder.path().join("absent.bin"), "No such file"),
        (folder.path().to_path_buf(), "not a file"),
        (write("text.bin", b"<html>404</html>"), "not a ggml Whisper model"),
        (write("cut.bin", &bytes[..1_000_000]), "ends too early"),
        (write("f32.bin", &with_field(&bytes, 10, 0)), "format"),
    ];
    for (path, expected) in cases {
        let why = at_path(&path, "en").err().unwrap();
        assert!(
            why.contains(expected) && why.contains(path.to_str().unwrap()) && why.ends_with('.'),
            "{why}"
        );
    }
    let path = write("ggml-clinic.en.bin", &bytes);
    assert!(at_path(&path, "fr").err().unwrap().contains("English only"));
    assert!(at_path(&path, "klingon").err().unwrap().contains("unknown"));
    assert_eq!(at_path(&path, "en").unwrap().name, "clinic.en");
}

#[test]
fn the_bundled_model_is_used_only_where_it_is_allowed() {
    let absent = WhisperConfig { model: PathBuf::from("/nonexistent/model.bin"), ..WhisperConfig::default() };
    assert!(configured(&absent).err().unwrap().contains("/nonexistent/model.bin"));
    assert!(configured(&WhisperConfig::default()).is_err());
    let fallback = configured(&WhisperConfig { demonstration_fallback: true, ..absent.clone() }).unwrap();
    assert!(fallback.demonstration);
    let off = WhisperConfig { demonstration_fallback: true, enabled: false, ..absent };
    assert!(configured(&off).is_err());
    assert!(at_path(Path::new(""), "en").is_err());
}

/// Even when voice activity is wrong, the model's own no-speech probability keeps noise off the screen.
#[test]
fn noise_that_reaches_the_model_is_rejected() {
    let mut transcriber = (demonstration().open)().unwrap();
    let mut dice = Dice::new(23);
    for amplitude in [0.0, 0.001, 0.01, 0.1, 0.5] {
        for seconds in [1, 3, 8] {
            let noise: Vec<f32> =
                (0..16_000 * seconds).map(|_| (dice.below(2001) as f32 / 1000.0 - 1.0) * amplitude).collect();
            let heard = transcriber.transcribe(&noise).unwrap();
            let verdict = reject(&heard, seconds as f32);
            assert_eq!(verdict, Some(Rejection::NoSpeech), "{amplitude}, {seconds} s, {}", heard.no_speech);
        }
    }
}
