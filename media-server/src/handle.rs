//! The async face of the media node: what the control plane calls.

use prometheus::Registry;
use tokio::sync::mpsc;

use crate::{
    Answer, JoinTokenVerifier, MediaConfig, MediaError, MediaEvent, Negotiation, ParticipantId, RoomId,
    TrackId, WhisperConfig, transcription::CaptionsStatus,
};

/// One media node. Everything is awaited at [`MediaServer::shutdown`].
pub struct MediaServer {}

impl MediaServer {
    /// Binds every port, starts the workers and the caption threads. The receiver carries everything that happens;
    /// it must be read, a full queue drops media events (counted) and holds caption events back.
    pub fn start(
        config: MediaConfig,
        whisper: WhisperConfig,
        verifier: JoinTokenVerifier,
        registry: &Registry,
    ) -> Result<(Self, mpsc::Receiver<MediaEvent>), MediaError> {
        let _ = (config, whisper, verifier, registry);
        Err(MediaError::WorkerGone)
    }

    /// Opens a peer connection for the token's participant; an earlier one of the same participant is replaced in
    /// place, so that the others see the same participant go on.
    pub async fn connect(&self, join_token: &str, negotiation: Negotiation) -> Result<Answer, MediaError> {
        let _ = (join_token, negotiation);
        Err(MediaError::WorkerGone)
    }

    /// Changes an open peer connection: publications, subscriptions, ICE restart.
    pub async fn renegotiate(
        &self,
        room: RoomId,
        participant: ParticipantId,
        negotiation: Negotiation,
    ) -> Result<Answer, MediaError> {
        let _ = (room, participant, negotiation);
        Err(MediaError::WorkerGone)
    }

    /// The browser applied the answer to `request`: its new subscriptions may flow.
    pub async fn negotiated(&self, room: RoomId, participant: ParticipantId, request: u32) {
        let _ = (room, participant, request);
    }

    /// A muted track is not forwarded and not captioned, whatever the browser sends.
    pub async fn set_muted(&self, room: RoomId, track: TrackId, muted: bool) {
        let _ = (room, track, muted);
    }

    /// Consent of one speaker. `false` stops the tap, wipes buffered audio and retracts the open utterance.
    pub async fn set_captioned(&self, room: RoomId, participant: ParticipantId, captioned: bool) {
        let _ = (room, participant, captioned);
    }

    /// The open utterance is still transcribed and sent as final.
    pub async fn leave(&self, room: RoomId, participant: ParticipantId) {
        let _ = (room, participant);
    }

    /// Everyone leaves; returns once the last final caption of the room has been sent, at most 5 s later.
    pub async fn close_room(&self, room: RoomId) {
        let _ = room;
    }

    #[must_use]
    pub fn captions(&self) -> CaptionsStatus {
        CaptionsStatus::Unavailable { why: "captions are not part of this build".into() }
    }

    /// Loads another model and, when it is usable, captions with it from the next utterance on.
    pub async fn replace_model(&self, path: std::path::PathBuf) -> Result<CaptionsStatus, String> {
        let _ = path;
        Err("captions are not part of this build".into())
    }

    /// Ends every session, flushes the captions, joins every thread. Later calls on this node answer
    /// [`MediaError::WorkerGone`].
    pub async fn shutdown(&self) {}
}
