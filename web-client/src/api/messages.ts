// Generated from control-plane/src/signalling/protocol.rs by `make gen`; do not edit.

export const PROTOCOL_VERSION = 1;

/**
 * One consultation; its media room has the same UUID.
 */
export type ConsultationId = string;

/**
 * What a track carries; a participant has at most one of each.
 */
export type TrackSource = "microphone" | "camera" | "screen";

/**
 * "My m-line `mid` carries this source."
 */
export type PublishLine = { mid: string, source: TrackSource, };

/**
 * "My m-line `mid` receives this participant's source." A `mid` may be pointed at another track of the same kind later.
 */
export type SubscribeLine = { mid: string, 
/**
 * A participant id (`par_…`).
 */
participant: string, source: TrackSource, };

/**
 * An SDP offer with the complete meaning of its m-lines: what is not listed is neither published nor received.
 */
export type Offer = { 
/**
 * Counts up within one peer connection; `answer` and `negotiated` repeat it.
 */
request: number, sdp: string, publish: Array<PublishLine>, subscribe: Array<SubscribeLine>, };

/**
 * How large this participant's picture is on the screen, in device pixels; 0 by 0 when it cannot be seen.
 */
export type ShownTile = { 
/**
 * A participant id (`par_…`).
 */
participant: string, source: TrackSource, width: number, height: number, };

/**
 * From the browser.
 */
export type ClientMessage = { "type": "authenticate", version: number, ticket: string, } | { "type": "connect", offer: Offer, } | { "type": "renegotiate", offer: Offer, } | { "type": "negotiated", request: number, } | { "type": "mute", source: TrackSource, muted: boolean, } | { "type": "view", tiles: Array<ShownTile>, } | { "type": "consent", captions: boolean, } | { "type": "leave" };

/**
 * How someone takes part.
 */
export type ParticipantKind = "doctor" | "patient" | "guest";

export type Presence = "joined" | "connected" | "reconnecting";

export type Quality = "good" | "fair" | "poor";

/**
 * A track that may be subscribed to.
 */
export type TrackView = { source: TrackSource, muted: boolean, };

/**
 * One person in the call.
 */
export type ParticipantView = { 
/**
 * `par_…`
 */
id: string, name: string, kind: ParticipantKind, 
/**
 * The guest's part in the doctor's words ("Interpreter"); empty for doctor and patient.
 */
label: string, presence: Presence, tracks: Array<TrackView>, 
/**
 * This person's words are being captioned.
 */
captioned: boolean, quality: Quality, };

export type CaptionState = "partial" | "final" | "retracted" | "gap";

/**
 * One utterance in one revision; a higher `revision` of the same (`participant`, `utterance`) replaces a lower one.
 */
export type CaptionView = { 
/**
 * `par_…`
 */
participant: string, utterance: number, revision: number, state: CaptionState, stable_chars: number, text: string, 
/**
 * Milliseconds since the consultation started.
 */
start_ms: number, end_ms: number, };

/**
 * What the caption service can do right now.
 */
export type CaptionService = { "state": "ready", model: string, demonstration: boolean, } | { "state": "unavailable", why: string, };

export type LeaveReason = "left" | "connection_lost" | "ended";

/**
 * Why a message or the socket was refused. The browser has a sentence for each.
 */
export type SignalError = "malformed_message" | "ticket_refused" | "version_mismatch" | "consultation_not_active" | "offer_refused" | "not_granted" | "room_full" | "too_many_messages" | "replaced" | "media_failed" | "server_shutting_down";

/**
 * From the server.
 */
export type ServerMessage = { "type": "welcome", version: number, 
/**
 * Your own participant id.
 */
you: string, consultation: ConsultationId, 
/**
 * Milliseconds since the consultation started.
 */
elapsed_ms: number, 
/**
 * Everyone in the call, you included.
 */
participants: Array<ParticipantView>, caption_service: CaptionService, 
/**
 * Final captions so far, oldest first, at most the last 200.
 */
captions: Array<CaptionView>, 
/**
 * Your media session is still open: go on with `renegotiate` instead of `connect` if you still have its peer connection.
 */
session_open: boolean, } | { "type": "answer", request: number, sdp: string, } | { "type": "participant", participant: ParticipantView, } | { "type": "left", id: string, reason: LeaveReason, } | { "type": "active_speakers", ids: Array<string>, } | { "type": "caption", caption: CaptionView, } | { "type": "caption_service", service: CaptionService, } | { "type": "silent", source: TrackSource, times: number, } | { "type": "draining", left_ms: number, } | { "type": "ended" } | { "type": "error", request: number | null, code: SignalError, message: string, };
