//! The pipeline as a whole: real Opus, in virtual time or with its real threads.

#[cfg(feature = "whisper")]
mod dialogues;
#[cfg(feature = "whisper")]
mod models;
mod overload;
#[cfg_attr(not(feature = "whisper"), expect(dead_code, reason = "the dialogues need the model"))]
mod sim;
#[cfg_attr(not(feature = "whisper"), expect(dead_code, reason = "the dialogues need the model"))]
#[path = "../../../tests/support/speech.rs"]
pub(super) mod speech;
mod threads;
