//! The messages of the signalling socket, defined here once and exported to TypeScript (`web-client/src/api/messages.ts`).
//!
//! JSON text frames of at most 64 KiB. The browser is always the SDP offerer, so offers never collide: it compares the
//! tracks that exist with the m-lines that it has, and offers when they differ. Ids of participants are stable: a
//! reload, a new socket or a new peer connection is the same participant.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::ids::ConsultationId;

/// Raised when a message changes in a way that an older client would misread.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a track carries; a participant has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TrackSource {
    Microphone,
    Camera,
    Screen,
}

/// "My m-line `mid` carries this source."
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PublishLine {
    pub mid: String,
    pub source: TrackSource,
}

/// "My m-line `mid` receives this participant's source." A `mid` may be pointed at another track of the same kind later.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SubscribeLine {
    pub mid: String,
    /// A participant id (`par_…`).
    pub participant: String,
    pub source: TrackSource,
}

/// An SDP offer with the complete meaning of its m-lines: what is not listed is neither published nor received.
#[derive(Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Counts up within one peer connection; `answer` and `negotiated` repeat it.
    pub request: u32,
    pub sdp: String,
    pub publish: Vec<PublishLine>,
    pub subscribe: Vec<SubscribeLine>,
}

/// How large this participant's picture is on the screen, in device pixels; 0 by 0 when it cannot be seen.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ShownTile {
    /// A participant id (`par_…`).
    pub participant: String,
    pub source: TrackSource,
    pub width: u32,
    pub height: u32,
}

/// From the browser.
#[derive(Clone, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// The first message, within 3 s. The ticket comes from `POST /api/v1/consultations/{id}/ticket`, works once,
    /// for 30 s.
    Authenticate {
        version: u32,
        ticket: String,
    },
    /// A new peer connection (first join, reload, ICE given up); replaces the participant's earlier one.
    Connect {
        offer: Offer,
    },
    /// A change on the open peer connection: a new subscription, a screen share, an ICE restart.
    Renegotiate {
        offer: Offer,
    },
    /// The answer to `request` has been applied; media of its new subscriptions may flow.
    Negotiated {
        request: u32,
    },
    Mute {
        source: TrackSource,
        muted: bool,
    },
    /// What my screen shows, complete: nobody is sent more picture than they can see. A picture that is not listed is
    /// sent as if it were large.
    View {
        tiles: Vec<ShownTile>,
    },
    /// May my words be captioned and kept in the transcript? Takes effect within a second, either way.
    Consent {
        captions: bool,
    },
    /// I am going; the others are told at once.
    Leave,
}

/// How someone takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantKind {
    Doctor,
    Patient,
    /// Invited by the doctor through a one-time link: interpreter, relative, second doctor.
    Guest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Signalling is there; media may still be coming up.
    Joined,
    /// Media flows.
    Connected,
    /// Socket or media lost; kept as the same participant for a grace period.
    Reconnecting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    Good,
    Fair,
    Poor,
}

/// A track that may be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TrackView {
    pub source: TrackSource,
    pub muted: bool,
}

/// One person in the call.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ParticipantView {
    /// `par_…`
    pub id: String,
    pub name: String,
    pub kind: ParticipantKind,
    /// The guest's part in the doctor's words ("Interpreter"); empty for doctor and patient.
    pub label: String,
    pub presence: Presence,
    pub tracks: Vec<TrackView>,
    /// This person's words are being captioned.
    pub captioned: bool,
    pub quality: Quality,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CaptionState {
    /// Still being spoken; the first `stable_chars` characters will not change.
    Partial,
    Final,
    /// Take the partials of this utterance off the screen.
    Retracted,
    /// Speech that could not be transcribed; shown as a gap, kept in the transcript as one.
    Gap,
}

/// One utterance in one revision; a higher `revision` of the same (`participant`, `utterance`) replaces a lower one.
#[derive(Clone, Serialize, Deserialize, TS)]
pub struct CaptionView {
    /// `par_…`
    pub participant: String,
    #[ts(type = "number")]
    pub utterance: u64,
    pub revision: u32,
    pub state: CaptionState,
    pub stable_chars: u32,
    pub text: String,
    /// Milliseconds since the consultation started.
    #[ts(type = "number")]
    pub start_ms: i64,
    #[ts(type = "number")]
    pub end_ms: i64,
}

/// What the caption service can do right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CaptionService {
    /// `demonstration`: the bundled model with a limited vocabulary; say so on screen.
    Ready {
        model: String,
        demonstration: bool,
    },
    Unavailable {
        why: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    Left,
    /// The grace period for coming back ran out.
    ConnectionLost,
    /// The doctor ended the consultation.
    Ended,
}

/// Why a message or the socket was refused. The browser has a sentence for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SignalError {
    /// Not JSON, an unknown type or field, or longer than 64 KiB.
    MalformedMessage,
    /// Ticket unknown, used, or older than 30 s.
    TicketRefused,
    /// This client speaks another protocol version: reload the page.
    VersionMismatch,
    ConsultationNotActive,
    /// SDP that cannot be parsed, or that does not match its lists.
    OfferRefused,
    /// Publishing this source is not granted.
    NotGranted,
    RoomFull,
    /// More than 40 messages at once or 20 a second over time.
    TooManyMessages,
    /// The same participant opened another tab, which has taken over.
    Replaced,
    /// The media session failed on our side; connect again.
    MediaFailed,
    ServerShuttingDown,
}

impl SignalError {
    /// For logs of a client and for people who read the frames; the browser has its own words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::MalformedMessage => "not a message of this protocol",
            Self::TicketRefused => "ticket unknown, used or too old",
            Self::VersionMismatch => "another protocol version, reload the page",
            Self::ConsultationNotActive => "the consultation is not active",
            Self::OfferRefused => "the offer was refused",
            Self::NotGranted => "publishing this is not granted",
            Self::RoomFull => "the room is full",
            Self::TooManyMessages => "too many messages",
            Self::Replaced => "another tab has taken over",
            Self::MediaFailed => "the media session is gone, connect again",
            Self::ServerShuttingDown => "the server is shutting down",
        }
    }
}

/// From the server.
#[derive(Clone, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Answer to `authenticate`: everything a client that knows nothing needs.
    Welcome {
        version: u32,
        /// Your own participant id.
        you: String,
        consultation: ConsultationId,
        /// Milliseconds since the consultation started.
        #[ts(type = "number")]
        elapsed_ms: i64,
        /// Everyone in the call, you included.
        participants: Vec<ParticipantView>,
        caption_service: CaptionService,
        /// Final captions so far, oldest first, at most the last 200.
        captions: Vec<CaptionView>,
        /// Your media session is still open: go on with `renegotiate` instead of `connect` if you still have its peer connection.
        session_open: bool,
    },
    Answer {
        request: u32,
        sdp: String,
    },
    /// A new or changed participant (joined, muted, published, reconnecting, consent …); replaces the one with its id.
    Participant {
        participant: ParticipantView,
    },
    Left {
        id: String,
        reason: LeaveReason,
    },
    /// Loudest first, at most three; empty when nobody speaks.
    ActiveSpeakers {
        ids: Vec<String>,
    },
    Caption {
        caption: CaptionView,
    },
    CaptionService {
        service: CaptionService,
    },
    /// Nothing arrives of a source that you publish and have not muted: open the device again, then bring the connection
    /// up again. Said every few seconds while it lasts; `times` counts from 1.
    Silent {
        source: TrackSource,
        times: u32,
    },
    /// The server is going to stop: when this time is over at the latest, sooner once all calls are. Whoever is in a call
    /// may go on and come back; nobody new is let in. Another server, or this one again, takes over after that.
    Draining {
        #[ts(type = "number")]
        left_ms: i64,
    },
    /// The consultation is over; the socket closes with 4410 after this.
    Ended,
    /// `request` names the offer that was refused. After a fatal error the socket closes with the code that `docs/API.md` gives.
    Error {
        request: Option<u32>,
        code: SignalError,
        message: String,
    },
}
