//! What goes over the wire, in both directions; described by OpenAPI (`docs/openapi.json`), from which the web client's types are made.
//!
//! Views hold names and clinical text, so none of them is `Debug`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    consultation::StateName,
    session::{Must, SecondFactor},
    time::Timestamp,
    transcript::EntryState,
    user::{Availability, Role},
};
use crate::ids::{ConsultationId, InviteId, UserId};
use crate::signalling::protocol::{CaptionService, ParticipantKind};

/// `POST /api/v1/session`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub email: String,
    pub password: String,
}

/// `POST /api/v1/session/guest`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestSignIn {
    /// From the fragment of the invitation's address; works once.
    pub secret: String,
    /// How the others see the guest.
    pub name: String,
}

/// `POST /api/v1/account/erase`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseAccount {
    /// The person's own e-mail address, typed.
    pub confirm: String,
}

/// `PUT /api/v1/availability`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAvailability {
    pub availability: Availability,
}

/// `POST /api/v1/consultations`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestConsultation {
    /// 3 to 2000 characters.
    pub reason: String,
    /// The doctor's field asked for; empty for any.
    pub specialty: String,
}

/// `POST /api/v1/consultations/{id}/invites`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvite {
    /// The guest's part in the call ("Interpreter"), 1 to 60 characters.
    pub label: String,
}

#[derive(Clone, Serialize, ToSchema)]
pub struct UserView {
    pub id: UserId,
    /// Empty for guests.
    pub email: String,
    pub name: String,
    pub role: Role,
    pub specialty: String,
    pub availability: Availability,
}

#[derive(Serialize, ToSchema)]
pub struct SessionView {
    pub user: UserView,
    /// Send it back as `X-CSRF-Token` with everything that changes something.
    pub csrf_token: String,
    /// Until then dangerous steps need no `POST /api/v1/session/confirm`.
    pub confirmed_until: Option<Timestamp>,
    pub second_factor: SecondFactor,
    /// What stands between the person and work with consultations, first things first.
    pub must: Vec<Must>,
}

#[derive(Serialize, ToSchema)]
pub struct GuestSessionView {
    pub session: SessionView,
    pub consultation_id: ConsultationId,
}

#[derive(Serialize, ToSchema)]
pub struct DoctorView {
    pub id: UserId,
    pub name: String,
    pub specialty: String,
    pub availability: Availability,
}

#[derive(Clone, Serialize, ToSchema)]
pub struct PersonView {
    pub id: UserId,
    pub name: String,
}

#[derive(Serialize, ToSchema)]
pub struct ConsultationView {
    pub id: ConsultationId,
    pub state: StateName,
    /// Empty when the caller may not read it.
    pub reason: String,
    pub specialty: String,
    pub patient: PersonView,
    pub doctor: Option<PersonView>,
    pub requested_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    /// When it was completed or cancelled.
    pub ended_at: Option<Timestamp>,
    /// The caller's own `par_…` in this consultation; `null` for a doctor who only sees it in the queue.
    pub participant_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct InviteView {
    pub id: InviteId,
    /// Shown this once; the server keeps its hash.
    pub secret: String,
    /// `<origin>/guest#<secret>`
    pub url: String,
}

/// An `RTCIceServer` of the browser.
#[derive(Serialize, ToSchema)]
pub struct IceServerView {
    pub urls: Vec<String>,
    pub username: String,
    pub credential: String,
}

#[derive(Serialize, ToSchema)]
pub struct TicketView {
    /// For `authenticate` on the signalling socket; works once.
    pub ticket: String,
    pub expires_in_s: u32,
    pub ice_servers: Vec<IceServerView>,
}

#[derive(Serialize, ToSchema)]
pub struct TranscriptEntryView {
    /// Name of the person who spoke.
    pub speaker: String,
    pub kind: ParticipantKind,
    /// Milliseconds since the consultation started.
    pub start_ms: i64,
    pub end_ms: i64,
    pub state: EntryState,
    pub text: String,
}

#[derive(Serialize, ToSchema)]
pub struct TranscriptView {
    pub consultation: ConsultationView,
    /// By start.
    pub entries: Vec<TranscriptEntryView>,
    /// Name of the model that heard it; empty when nothing was transcribed.
    pub model: String,
    /// Made (at least partly) by the bundled demonstration model: say so on screen.
    pub demonstration: bool,
}

#[derive(Serialize, ToSchema)]
pub struct StatusView {
    pub captions: CaptionService,
    pub version: String,
}

/// Why a request was refused; `docs/API.md` has the HTTP status of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    InvalidInput,
    MalformedBody,
    Unauthenticated,
    SecondFactorRequired,
    Csrf,
    Forbidden,
    /// Prove a secret again (`POST /api/v1/session/confirm`), then repeat.
    Reauthenticate,
    /// Unverified address, doctor not approved, or password to be changed first.
    NotCleared,
    NotFound,
    WrongState,
    Conflict,
    BodyTooLarge,
    TooManyRequests,
    Internal,
    Unavailable,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorView {
    pub code: ErrorCode,
    /// A sentence for a person.
    pub message: String,
    /// With `invalid_input`: what is wrong, by field name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fields: Option<BTreeMap<String, String>>,
    pub request_id: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorView,
}
