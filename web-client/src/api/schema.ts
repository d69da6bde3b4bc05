// Generated from control-plane/src/http/views.rs by `make gen`; do not edit.

import type { CaptionService, ConsultationId, ParticipantKind } from "./messages";

export type UserId = string;

/**
 * A one-time invitation of a guest to one consultation.
 */
export type InviteId = string;

/**
 * Milliseconds since the Unix epoch, UTC.
 */
export type Timestamp = number;

/**
 * What somebody is to this clinic; decides what they may do (`access.rs`).
 */
export type Role = "patient" | "doctor" | "admin" | "guest";

/**
 * Whether a doctor takes requests now.
 */
export type Availability = "online" | "busy" | "offline";

/**
 * Names of the states: in the database, on the wire, in messages.
 */
export type ConsultationState = "requested" | "accepted" | "active" | "completed" | "cancelled";

/**
 * What is kept of one utterance.
 */
export type TranscriptEntryState = "final" | "gap";

/**
 * `POST /api/v1/session`
 */
export type SignIn = { email: string, password: string, };

/**
 * `POST /api/v1/session/guest`
 */
export type GuestSignIn = { 
/**
 * From the fragment of the invitation's address; works once.
 */
secret: string, 
/**
 * How the others see the guest.
 */
name: string, };

/**
 * `PUT /api/v1/availability`
 */
export type SetAvailability = { availability: Availability, };

/**
 * `POST /api/v1/consultations`
 */
export type RequestConsultation = { 
/**
 * 3 to 2000 characters.
 */
reason: string, 
/**
 * The doctor's field asked for; empty for any.
 */
specialty: string, };

/**
 * `POST /api/v1/consultations/{id}/invites`
 */
export type CreateInvite = { 
/**
 * The guest's part in the call ("Interpreter"), 1 to 60 characters.
 */
label: string, };

export type UserView = { id: UserId, 
/**
 * Empty for guests.
 */
email: string, name: string, role: Role, specialty: string, availability: Availability, };

export type SessionView = { user: UserView, 
/**
 * Send it back as `X-CSRF-Token` with everything that changes something.
 */
csrf_token: string, };

export type GuestSessionView = { session: SessionView, consultation_id: ConsultationId, };

export type DoctorView = { id: UserId, name: string, specialty: string, availability: Availability, };

export type PersonView = { id: UserId, name: string, };

export type ConsultationView = { id: ConsultationId, state: ConsultationState, reason: string, specialty: string, patient: PersonView, doctor: PersonView | null, requested_at: Timestamp, accepted_at: Timestamp | null, started_at: Timestamp | null, 
/**
 * When it was completed or cancelled.
 */
ended_at: Timestamp | null, 
/**
 * The caller's own `par_…` in this consultation; `null` for a doctor who only sees it in the queue.
 */
participant_id: string | null, };

export type InviteView = { id: InviteId, 
/**
 * Shown this once; the server keeps its hash.
 */
secret: string, 
/**
 * `<origin>/guest#<secret>`
 */
url: string, };

/**
 * An `RTCIceServer` of the browser.
 */
export type IceServerView = { urls: Array<string>, username: string, credential: string, };

export type TicketView = { 
/**
 * For `authenticate` on the signalling socket; works once.
 */
ticket: string, expires_in_s: number, ice_servers: Array<IceServerView>, };

export type TranscriptEntryView = { 
/**
 * Name of the person who spoke.
 */
speaker: string, kind: ParticipantKind, 
/**
 * Milliseconds since the consultation started.
 */
start_ms: number, end_ms: number, state: TranscriptEntryState, text: string, };

export type TranscriptView = { consultation: ConsultationView, 
/**
 * By start.
 */
entries: Array<TranscriptEntryView>, 
/**
 * Name of the model that heard it; empty when nothing was transcribed.
 */
model: string, 
/**
 * Made (at least partly) by the bundled demonstration model: say so on screen.
 */
demonstration: boolean, };

export type StatusView = { captions: CaptionService, version: string, };

/**
 * Why a request was refused; `docs/API.md` has the HTTP status of each.
 */
export type ErrorCode = "invalid_input" | "malformed_body" | "unauthenticated" | "csrf" | "forbidden" | "not_found" | "wrong_state" | "conflict" | "body_too_large" | "too_many_requests" | "internal" | "unavailable";

export type ErrorView = { code: ErrorCode, 
/**
 * A sentence for a person.
 */
message: string, 
/**
 * With `invalid_input`: what is wrong, by field name.
 */
fields?: Record<string, string>, request_id: string, };

export type ErrorBody = { error: ErrorView, };
