//! From a speaker's Opus packets to captions, beside the media path and never in its way.
//!
//! [`Tap`] (bounded, drops first) → reorder, RED, concealment → 16 kHz PCM → voice activity → Whisper on its own
//! threads → partial and final [`Caption`]s. Audio lives in memory only and is wiped when a speaker stops.

mod caption;
mod tap;

pub use caption::{Caption, CaptionKind, CaptionText, CaptionsStatus};
pub use tap::{AudioPacket, Tap};
