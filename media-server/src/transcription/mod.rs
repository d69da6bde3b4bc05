//! From a speaker's Opus packets to captions, beside the media path and never in its way.
//!
//! [`Tap`] (bounded, drops first) → `reorder`, RED, concealment (`decoder`) → 16 kHz PCM → voice activity (`vad`) →
//! utterances (`speaker`) → inferences (`pipeline` decides, `runtime` runs them) → `agreement` on what is stable →
//! [`Caption`]s. Audio lives in memory only and is wiped when it is no longer needed. Under load captions give way by
//! the steps of `ladder`; `ledger` shows that nothing heard was dropped silently.

mod agreement;
mod caption;
mod decoder;
mod ladder;
mod ledger;
mod metrics;
mod model;
#[cfg(feature = "whisper")]
mod model_file;
mod outbox;
mod pcm;
mod pipeline;
mod reorder;
mod runtime;
mod speaker;
mod tap;
#[cfg(test)]
mod tests;
mod transcriber;
mod vad;
#[cfg(feature = "whisper")]
mod whisper;

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use prometheus::{IntCounter, Registry};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

pub use caption::{Caption, CaptionKind, CaptionText, CaptionsStatus};
pub use tap::{AudioPacket, Tap};

use crate::{MediaError, MediaEvent, ParticipantId, RoomId, WhisperConfig};
use metrics::CaptionMetrics;
use model::Installed;
use pipeline::Pipeline;
use runtime::{Command, Front};
use tap::Taps;

/// One instant on both clocks: turns packet arrival times into wall-clock times.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    pub instant: Instant,
    /// Milliseconds since the Unix epoch at `instant`.
    pub unix_ms: i64,
}

impl Epoch {
    /// Milliseconds since the Unix epoch at another instant.
    fn unix_ms(&self, at: Instant) -> i64 {
        let since = at.saturating_duration_since(self.instant).as_millis() as i64;
        let before = self.instant.saturating_duration_since(at).as_millis() as i64;
        self.unix_ms + since - before
    }
}

/// What happens to what a speaker had been saying when captioning stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Left or muted: the open utterance is still transcribed and sent as final.
    Finish,
    /// Consent withdrawn: buffered audio is wiped and what is not final yet is retracted.
    Withdraw,
}

/// The caption pipeline of one media node. Dropping it stops its threads; [`Transcription::shutdown`] waits for them.
pub struct Transcription {
    taps: Taps,
    tap_dropped: IntCounter,
    commands: SyncSender<Command>,
    status: Mutex<CaptionsStatus>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    workers: usize,
    language: String,
}

impl Transcription {
    /// Loads the model, measures its speed and starts the threads. Without a usable model it still starts: see
    /// [`Transcription::status`]. Blocks while the model loads (a small one for a second or two).
    ///
    /// Captions go to `events`; while that queue is full they wait here, finals are never dropped.
    pub fn start(
        config: &WhisperConfig,
        epoch: Epoch,
        events: mpsc::Sender<MediaEvent>,
        registry: &Registry,
    ) -> Result<Self, MediaError> {
        let workers = match config.threads {
            0 => thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            threads => threads,
        };
        let installed = model::configured(config).and_then(|model| runtime::calibrate(model, workers));
        Self::with_model(installed, config, workers, epoch, events, registry)
    }

    fn with_model(
        installed: Result<Installed, String>,
        config: &WhisperConfig,
        workers: usize,
        epoch: Epoch,
        events: mpsc::Sender<MediaEvent>,
        registry: &Registry,
    ) -> Result<Self, MediaError> {
        let metrics = CaptionMetrics::register(registry)?;
        let taps = Taps::default();
        let tap_dropped = metrics.tap_dropped_packets_total.clone();
        let mut pipeline = Pipeline::new(epoch, metrics);
        let status = match installed {
            Ok(installed) => {
                let status = installed.model.status();
                pipeline.install(installed);
                status
            }
            Err(why) => {
                tracing::warn!(%why, "captions are unavailable");
                CaptionsStatus::Unavailable { why }
            }
        };
        let (commands, threads) = runtime::start(Front { pipeline, taps: taps.clone(), events }, workers)
            .map_err(|error| MediaError::Config(format!("caption threads: {error}")))?;
        Ok(Self {
            taps,
            tap_dropped,
            commands,
            status: Mutex::new(status),
            threads: Mutex::new(threads),
            workers,
            language: config.language.clone(),
        })
    }

    /// A producer end for one media worker.
    #[must_use]
    pub fn tap(&self) -> Tap {
        let (tap, packets) = Tap::new(self.tap_dropped.clone());
        self.taps.add(packets);
        tap
    }

    /// From now on this participant's packets are captioned; packets of anybody else are ignored. Idempotent.
    /// Call it after consent; for a muted microphone stop and start the speaker, or the silence counts as lost audio.
    pub fn start_speaker(&self, room: RoomId, participant: ParticipantId) {
        self.command(Command::Start(room, participant));
    }

    /// Takes effect within 20 ms. Unknown speakers are ignored.
    pub fn stop_speaker(&self, room: RoomId, participant: ParticipantId, mode: StopMode) {
        self.command(Command::Stop(room, participant, mode));
    }

    /// Stops every speaker of the room with [`StopMode::Finish`]; resolves when its last final caption is in the
    /// event queue, after at most 5 s (what was not transcribed by then is sent as a gap).
    pub async fn finish_room(&self, room: RoomId) {
        let (reply, finished) = oneshot::channel();
        self.command(Command::FinishRoom(room, reply));
        // An error means that the threads have ended, and so has the room.
        let _ = finished.await;
    }

    #[must_use]
    pub fn status(&self) -> CaptionsStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks, loads and measures another model off the async threads; usable, it serves from the next inference on.
    /// `Err` is a sentence for a person, and the model in use stays.
    pub async fn replace_model(&self, path: PathBuf) -> Result<CaptionsStatus, String> {
        let (language, workers) = (self.language.clone(), self.workers);
        let load =
            move || model::at_path(&path, &language).and_then(|model| runtime::calibrate(model, workers));
        let installed =
            spawn_blocking(load).await.map_err(|_| "Loading the speech model was interrupted.")??;
        let status = installed.model.status();
        self.command(Command::Install(installed));
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status.clone();
        Ok(status)
    }

    /// Finishes every room (at most 5 s) and joins every thread. Keep reading the event queue meanwhile.
    pub async fn shutdown(&self) {
        self.command(Command::Shutdown);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let join = move || threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        if spawn_blocking(join).await.unwrap_or(1) > 0 {
            tracing::error!("a caption thread panicked");
        }
    }

    fn command(&self, command: Command) {
        // An error means that the threads have ended: there is nothing to command.
        let _ = self.commands.send(command);
    }
}
