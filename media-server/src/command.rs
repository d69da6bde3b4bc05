//! What crosses into a media worker and what comes out: plain data, never a shared object.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{MediaError, ParticipantId, RoomId, Source, TrackId, grant::Grant, transcription::Caption};

/// The browser's m-line `mid` carries this source of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    pub mid: String,
    pub source: Source,
}

/// The browser's m-line `mid` shall receive this track. A `mid` may be pointed at another track of the
/// same kind later: that is how m-lines are reused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub mid: String,
    pub track: TrackId,
}

/// How large a viewer shows a track, in device pixels; 0 by 0: not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    pub track: TrackId,
    pub width: u32,
    pub height: u32,
}

/// An SDP offer and what its m-lines mean. The browser is always the offerer, so offers never collide.
#[derive(Clone)]
pub struct Negotiation {
    /// Counts up within one peer connection; echoed by `negotiated`.
    pub request: u32,
    /// SDP, at most 64 KiB.
    pub offer: String,
    /// Complete list: a source missing here is no longer published.
    pub publish: Vec<Publication>,
    /// Complete list: a `mid` missing here no longer receives.
    pub subscribe: Vec<Subscription>,
}

/// SDP answer; its candidates carry the worker's port.
#[derive(Clone)]
pub struct Answer(pub String);

pub(crate) type Reply<T> = oneshot::Sender<Result<T, MediaError>>;

/// Into a worker. Bounded queue; the sender waits when it is full, never the worker.
pub enum MediaCommand {
    /// A new peer connection for the grant's participant; replaces an earlier one in place.
    Connect {
        grant: Grant,
        negotiation: Negotiation,
        reply: Reply<Answer>,
    },
    Renegotiate {
        room: RoomId,
        participant: ParticipantId,
        negotiation: Negotiation,
        reply: Reply<Answer>,
    },
    /// The browser has applied the answer to `request`: its new subscriptions may flow.
    Negotiated {
        room: RoomId,
        participant: ParticipantId,
        request: u32,
    },
    SetMuted {
        room: RoomId,
        track: TrackId,
        muted: bool,
    },
    /// What the participant's screen shows; complete. Tracks that are not listed count as shown large.
    SetTiles {
        room: RoomId,
        participant: ParticipantId,
        tiles: Vec<Tile>,
    },
    /// Opens or closes the caption tap of the participant's microphone.
    SetCaptioned {
        room: RoomId,
        participant: ParticipantId,
        captioned: bool,
    },
    Leave {
        room: RoomId,
        participant: ParticipantId,
    },
    CloseRoom {
        room: RoomId,
    },
}

/// Why a session ended without being asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// No ICE connectivity for longer than the configured time.
    Timeout,
    /// The browser closed its peer connection.
    Closed,
    /// The session's engine panicked; only this session was closed.
    Failed,
}

/// How well a participant's packets get through, from receiver reports of the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityLevel {
    Good,
    Fair,
    Poor,
}

/// Whether two participants have been sent each other's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HearingProof {
    /// `after`: how long both had been connected with their microphones on.
    Both { after: Duration },
    /// It took too long; `heard`: the first has been sent the second's sound, and the other way around.
    Missing { heard: [bool; 2] },
}

/// Out of a worker or out of the caption pipeline.
pub enum MediaEvent {
    /// The first packet of a track arrived: others may subscribe to it.
    TrackPublished {
        room: RoomId,
        track: TrackId,
    },
    TrackUnpublished {
        room: RoomId,
        track: TrackId,
    },
    /// ICE and DTLS are up.
    Connected {
        room: RoomId,
        participant: ParticipantId,
    },
    /// ICE lost the browser; it may come back until `SessionEnded`.
    Disconnected {
        room: RoomId,
        participant: ParticipantId,
    },
    SessionEnded {
        room: RoomId,
        participant: ParticipantId,
        why: SessionEnd,
    },
    /// Loudest first, at most three; sent when the list changes.
    ActiveSpeakers {
        room: RoomId,
        participants: Vec<ParticipantId>,
    },
    /// Every 2 s per participant, only when the level changed.
    Quality {
        room: RoomId,
        participant: ParticipantId,
        level: QualityLevel,
        rtt_ms: Option<u32>,
        loss_percent: u8,
    },
    /// Of every two participants: once when the proof is there, and once before that when it takes too long.
    Hearing {
        room: RoomId,
        between: [ParticipantId; 2],
        proof: HearingProof,
    },
    /// A microphone that is published and not muted sends nothing, though its participant is connected. Said again as
    /// long as it lasts.
    Silent {
        room: RoomId,
        participant: ParticipantId,
        /// Counts from 1 within one silence.
        times: u32,
    },
    Caption(Caption),
}
