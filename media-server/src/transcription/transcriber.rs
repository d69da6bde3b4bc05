//! What turns the audio of one utterance into words.

use super::caption::CaptionText;

/// What a model heard in one utterance, or in the part of it that was spoken so far.
pub(super) struct Hypothesis {
    pub(super) text: CaptionText,
    /// Mean token probability, 0 to 1.
    pub(super) confidence: f32,
    /// Mean natural log of the token probabilities.
    pub(super) log_probability: f32,
    /// Probability that there is no speech at all.
    pub(super) no_speech: f32,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TranscribeError {
    #[cfg(feature = "whisper")]
    #[error("the speech model failed: {0}")]
    Model(String),
    #[error("the speech model panicked")]
    Panicked,
}

/// One inference at a time, on the thread that opened it.
pub(super) trait Transcriber {
    /// `pcm`: 16 kHz mono, at most 13 s. Blocks for as long as the inference takes.
    fn transcribe(&mut self, pcm: &[f32]) -> Result<Hypothesis, TranscribeError>;

    /// Does the work of one typical utterance (5 s, some 20 tokens), for calibration.
    fn rehearse(&mut self) -> Result<(), TranscribeError>;
}

/// Why a hypothesis is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    /// The model itself says that nobody spoke.
    NoSpeech,
    /// The same words over and over: the model is in a loop.
    Repetition,
    /// More characters than anybody can say in that time.
    TooFast,
}

impl Rejection {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::NoSpeech => "no_speech",
            Self::Repetition => "repetition",
            Self::TooFast => "too_fast",
        }
    }
}

/// Faster than any talker: fast speech is about 20 characters a second.
const CHARACTERS_PER_SECOND: f32 = 30.0;

/// `seconds`: length of the speech the hypothesis was made from.
pub(super) fn reject(hypothesis: &Hypothesis, seconds: f32) -> Option<Rejection> {
    let text = hypothesis.text.reveal();
    let unsure = hypothesis.no_speech > 0.6 && hypothesis.log_probability < -0.5;
    if hypothesis.no_speech > 0.9 || unsure || !text.contains(char::is_alphanumeric) {
        Some(Rejection::NoSpeech)
    } else if repeats(text) {
        Some(Rejection::Repetition)
    } else if text.chars().count() as f32 > CHARACTERS_PER_SECOND * seconds.max(0.5) {
        Some(Rejection::TooFast)
    } else {
        None
    }
}

/// One to four words said four times in a row.
fn repeats(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (1..=4).any(|length| {
        words.windows(4 * length).any(|window| {
            let mut parts = window.chunks_exact(length);
            let first = parts.next();
            parts.all(|part| Some(part) == first)
        })
    })
}

#[cfg(test)]
pub(super) mod scripted {
    use std::time::Duration;

    use super::{CaptionText, Hypothesis, TranscribeError, Transcriber};

    /// Says one word per started half second of audio, after a fixed time of blocking.
    pub(in super::super) struct Scripted {
        pub(in super::super) cost: Duration,
    }

    pub(in super::super) fn words_for(samples: usize) -> Hypothesis {
        let text: Vec<String> = (1..=samples.div_ceil(8_000)).map(|n| format!("word{n}")).collect();
        Hypothesis {
            text: CaptionText::new(text.join(" ")),
            confidence: 0.9,
            log_probability: -0.1,
            no_speech: 0.0,
        }
    }

    impl Transcriber for Scripted {
        fn transcribe(&mut self, pcm: &[f32]) -> Result<Hypothesis, TranscribeError> {
            std::thread::park_timeout(self.cost);
            Ok(words_for(pcm.len()))
        }

        fn rehearse(&mut self) -> Result<(), TranscribeError> {
            self.transcribe(&vec![0.0; 80_000]).map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, no_speech: f32, log_probability: f32) -> Hypothesis {
        Hypothesis { text: CaptionText::new(text.into()), confidence: 0.5, log_probability, no_speech }
    }

    #[test]
    fn hypotheses_without_speech_in_a_loop_or_too_fast_are_rejected() {
        let cases = [
            (said("Take it in the morning.", 0.01, -0.1), 2.0, None),
            (said("no no no", 0.01, -0.1), 2.0, None),
            (said("Thank you.", 0.95, -0.1), 2.0, Some(Rejection::NoSpeech)),
            (said("Thank you.", 0.7, -1.2), 2.0, Some(Rejection::NoSpeech)),
            (said("Thank you.", 0.7, -0.1), 2.0, None),
            (said(" ...\n", 0.01, -0.1), 2.0, Some(Rejection::NoSpeech)),
            (said("you you you you", 0.01, -0.1), 2.0, Some(Rejection::Repetition)),
            (said("I am fine I am fine I am fine I am fine", 0.01, -0.1), 4.0, Some(Rejection::Repetition)),
            (
                said("A sentence that nobody can say within half a second.", 0.01, -0.1),
                0.5,
                Some(Rejection::TooFast),
            ),
        ];
        for (hypothesis, seconds, expected) in cases {
            assert_eq!(reject(&hypothesis, seconds), expected, "{}", hypothesis.text.reveal());
        }
    }
}
