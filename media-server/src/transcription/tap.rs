//! The bounded, lossy queue between a media worker and the caption pipeline.

use std::sync::Arc;
use std::time::Instant;

use crate::{ParticipantId, RoomId};

/// One RTP packet of a consented microphone, as it arrived.
pub struct AudioPacket {
    pub room: RoomId,
    pub participant: ParticipantId,
    /// A new value for every new RTP stream (SSRC change, reconnect): decoder state starts over.
    pub stream: u64,
    /// Extended RTP sequence number.
    pub sequence: u64,
    /// Extended RTP timestamp, 48 kHz.
    pub rtp_time: u64,
    /// The payload is RED (RFC 2198) around Opus, else plain Opus.
    pub red: bool,
    pub payload: Arc<[u8]>,
    pub arrived: Instant,
}

/// Producer end, one per media worker. `offer` never blocks, never wakes a thread; when the queue is full the
/// packet is dropped and counted.
pub struct Tap {}
