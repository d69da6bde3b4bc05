//! Where the media of a consultation runs. Today in this process; the enum is where another place would go.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media_server::transcription::CaptionsStatus;
use media_server::{Answer, MediaError, MediaServer, Negotiation, ParticipantId, RoomId, Tile, TrackId};
use tokio::time::timeout;

/// A media node answers within this, or it is taken for gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Closing a room waits for its last captions, which the media server bounds at 5 s.
const CLOSING_PATIENCE: Duration = Duration::from_secs(8);

/// The media nodes of this installation. Cheap to clone.
#[derive(Clone)]
pub enum MediaNodes {
    Local(Arc<MediaServer>),
}

impl MediaNodes {
    pub async fn connect(&self, join_token: &str, negotiation: Negotiation) -> Result<Answer, MediaError> {
        let Self::Local(node) = self;
        timeout(PATIENCE, node.connect(join_token, negotiation)).await.unwrap_or(Err(MediaError::WorkerGone))
    }

    pub async fn renegotiate(
        &self,
        room: RoomId,
        participant: ParticipantId,
        negotiation: Negotiation,
    ) -> Result<Answer, MediaError> {
        let Self::Local(node) = self;
        timeout(PATIENCE, node.renegotiate(room, participant, negotiation))
            .await
            .unwrap_or(Err(MediaError::WorkerGone))
    }

    pub async fn negotiated(&self, room: RoomId, participant: ParticipantId, request: u32) {
        let Self::Local(node) = self;
        in_time("negotiated", PATIENCE, node.negotiated(room, participant, request)).await;
    }

    pub async fn set_muted(&self, room: RoomId, track: TrackId, muted: bool) {
        let Self::Local(node) = self;
        in_time("set_muted", PATIENCE, node.set_muted(room, track, muted)).await;
    }

    pub async fn set_tiles(&self, room: RoomId, participant: ParticipantId, tiles: Vec<Tile>) {
        let Self::Local(node) = self;
        in_time("set_tiles", PATIENCE, node.set_tiles(room, participant, tiles)).await;
    }

    pub async fn set_captioned(&self, room: RoomId, participant: ParticipantId, captioned: bool) {
        let Self::Local(node) = self;
        in_time("set_captioned", PATIENCE, node.set_captioned(room, participant, captioned)).await;
    }

    pub async fn leave(&self, room: RoomId, participant: ParticipantId) {
        let Self::Local(node) = self;
        in_time("leave", PATIENCE, node.leave(room, participant)).await;
    }

    /// Returns once the room's last captions have been sent.
    pub async fn close_room(&self, room: RoomId) {
        let Self::Local(node) = self;
        in_time("close_room", CLOSING_PATIENCE, node.close_room(room)).await;
    }

    /// For health checks.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let Self::Local(node) = self;
        node.is_alive()
    }

    #[must_use]
    pub fn captions(&self) -> CaptionsStatus {
        let Self::Local(node) = self;
        node.captions()
    }

    pub async fn replace_model(&self, path: PathBuf) -> Result<CaptionsStatus, String> {
        let Self::Local(node) = self;
        node.replace_model(path).await
    }

    pub async fn shutdown(&self) {
        let Self::Local(node) = self;
        node.shutdown().await;
    }
}

async fn in_time(what: &'static str, patience: Duration, call: impl Future<Output = ()>) {
    if timeout(patience, call).await.is_err() {
        tracing::error!(call = what, "the media node is not answering");
    }
}
