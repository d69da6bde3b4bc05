//! The pipeline as a whole: real Opus, in virtual time or with its real threads.

#[cfg(feature = "whisper")]
mod dialogues;
#[cfg(feature = "whisper")]
mod models;
mod overload;
mod sim;
#[path = "../../../tests/support/speech.rs"]
pub(super) mod speech;
mod threads;
