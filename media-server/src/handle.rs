//! The async face of the media node: what the control plane calls.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use prometheus::Registry;
use tokio::sync::mpsc;

use crate::command::MediaCommand;
use crate::metrics::MediaMetrics;
use crate::pool::WorkerPool;
use crate::transcription::{CaptionsStatus, Epoch, StopMode, Transcription};
use crate::{
    Answer, JoinTokenVerifier, MediaConfig, MediaError, MediaEvent, Negotiation, ParticipantId, RoomId,
    Source, Tile, TrackId, WhisperConfig,
};

/// Events waiting for the control plane. Full: workers drop (counted), caption threads wait.
const EVENTS: usize = 4096;

/// Whose words are captioned, as far as consent and microphone go.
#[derive(Clone, Copy, Default)]
struct Speaker {
    consented: bool,
    muted: bool,
}

impl Speaker {
    fn speaks(self) -> bool {
        self.consented && !self.muted
    }
}

/// One media node. Everything is awaited at [`MediaServer::shutdown`].
pub struct MediaServer {
    verifier: JoinTokenVerifier,
    pool: WorkerPool,
    transcription: Transcription,
    speakers: Mutex<HashMap<(RoomId, ParticipantId), Speaker>>,
}

impl MediaServer {
    /// Binds every port, starts the workers and the caption threads. `unix_ms`: the present wall-clock time. The
    /// receiver carries everything that happens; it must be read, a full queue drops media events (counted) and holds
    /// caption events back.
    pub fn start(
        config: &MediaConfig,
        whisper: &WhisperConfig,
        verifier: JoinTokenVerifier,
        registry: &Registry,
        unix_ms: i64,
    ) -> Result<(Self, mpsc::Receiver<MediaEvent>), MediaError> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let metrics =
            MediaMetrics::register(registry).map_err(|error| MediaError::Config(error.to_string()))?;
        let epoch = Epoch { instant: crate::worker::clock(), unix_ms };
        let transcription = Transcription::start(whisper, epoch, events.clone(), registry)?;
        let pool = WorkerPool::start(config, || transcription.tap(), &events, &metrics)?;
        let speakers = Mutex::new(HashMap::new());
        Ok((Self { verifier, pool, transcription, speakers }, receiver))
    }

    /// Port numbers of the workers, UDP and TCP.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.pool.ports()
    }

    /// Opens a peer connection for the token's participant; an earlier one of the same participant is replaced in
    /// place, so that the others see the same participant go on.
    pub async fn connect(&self, join_token: &str, negotiation: Negotiation) -> Result<Answer, MediaError> {
        let grant = self.verifier.verify(join_token)?;
        self.pool.ask(grant.room, true, |reply| MediaCommand::Connect { grant, negotiation, reply }).await
    }

    /// Changes an open peer connection: publications, subscriptions, ICE restart.
    pub async fn renegotiate(
        &self,
        room: RoomId,
        participant: ParticipantId,
        negotiation: Negotiation,
    ) -> Result<Answer, MediaError> {
        self.pool
            .ask(room, false, |reply| MediaCommand::Renegotiate { room, participant, negotiation, reply })
            .await
    }

    /// The browser applied the answer to `request`: its new subscriptions may flow.
    pub async fn negotiated(&self, room: RoomId, participant: ParticipantId, request: u32) {
        self.pool.tell(room, false, MediaCommand::Negotiated { room, participant, request }).await;
    }

    /// A muted track is not forwarded and not captioned, whatever the browser sends.
    pub async fn set_muted(&self, room: RoomId, track: TrackId, muted: bool) {
        self.pool.tell(room, true, MediaCommand::SetMuted { room, track, muted }).await;
        if track.source == Source::Microphone {
            self.update_speaker(room, track.participant, StopMode::Finish, |speaker| speaker.muted = muted);
        }
    }

    /// What the participant's screen shows: nobody is sent more picture than that.
    pub async fn set_tiles(&self, room: RoomId, participant: ParticipantId, tiles: Vec<Tile>) {
        self.pool.tell(room, false, MediaCommand::SetTiles { room, participant, tiles }).await;
    }

    /// Consent of one speaker. `false` stops the tap, wipes buffered audio and retracts the open utterance.
    pub async fn set_captioned(&self, room: RoomId, participant: ParticipantId, captioned: bool) {
        self.update_speaker(room, participant, StopMode::Withdraw, |speaker| speaker.consented = captioned);
        self.pool.tell(room, captioned, MediaCommand::SetCaptioned { room, participant, captioned }).await;
    }

    /// The open utterance is still transcribed and sent as final.
    pub async fn leave(&self, room: RoomId, participant: ParticipantId) {
        self.pool.tell(room, false, MediaCommand::Leave { room, participant }).await;
        self.update_speaker(room, participant, StopMode::Finish, |speaker| speaker.consented = false);
        self.speakers().remove(&(room, participant));
    }

    /// Everyone leaves; returns once the last final caption of the room has been sent, at most 5 s later.
    pub async fn close_room(&self, room: RoomId) {
        self.pool.tell(room, false, MediaCommand::CloseRoom { room }).await;
        self.pool.release(room);
        self.speakers().retain(|(of, _), _| *of != room);
        self.transcription.finish_room(room).await;
    }

    /// Every media worker is running; for health checks.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.pool.is_alive()
    }

    #[must_use]
    pub fn captions(&self) -> CaptionsStatus {
        self.transcription.status()
    }

    /// Loads another model and, when it is usable, captions with it from the next utterance on. `Err` is a sentence
    /// for a person.
    pub async fn replace_model(&self, path: PathBuf) -> Result<CaptionsStatus, String> {
        self.transcription.replace_model(path).await
    }

    /// Ends every session, flushes the captions, joins every thread. Later calls on this node answer
    /// [`MediaError::WorkerGone`].
    pub async fn shutdown(&self) {
        self.pool.shutdown().await;
        self.transcription.shutdown().await;
    }

    /// Starts or stops the speaker's pipeline when the change makes a difference.
    fn update_speaker(
        &self,
        room: RoomId,
        participant: ParticipantId,
        stop: StopMode,
        change: impl FnOnce(&mut Speaker),
    ) {
        let mut speakers = self.speakers();
        let speaker = speakers.entry((room, participant)).or_default();
        let before = *speaker;
        change(speaker);
        let withdrawn = before.consented && !speaker.consented;
        match (before.speaks(), speaker.speaks()) {
            (false, true) => self.transcription.start_speaker(room, participant),
            (true, false) => self.transcription.stop_speaker(room, participant, stop),
            // Muted already, but a final of what was said before may still be on its way.
            (false, false) if withdrawn => self.transcription.stop_speaker(room, participant, stop),
            _ => {}
        }
    }

    fn speakers(&self) -> std::sync::MutexGuard<'_, HashMap<(RoomId, ParticipantId), Speaker>> {
        self.speakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
