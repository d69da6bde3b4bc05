/** What can go wrong, as the person at the screen needs to know it. The list is closed: every code has its sentences in
 *  `locales`, and whatever else happens is `unexpected`. */
export const ERROR_CODES = [
  // Answers of the HTTP API.
  "invalid_input",
  "malformed_body",
  "unauthenticated",
  "csrf",
  "forbidden",
  "reauthenticate",
  "not_cleared",
  "second_factor_required",
  "not_found",
  "wrong_state",
  "conflict",
  "body_too_large",
  "too_many_requests",
  "internal",
  "unavailable",
  // Known from where an answer came.
  "wrong_credentials",
  "wrong_password",
  "wrong_code",
  "link_used",
  "secret_used",
  "invite_used",
  "consultation_not_active",
  "not_yours",
  // Passkeys.
  "passkey_cancelled",
  "passkey_known",
  "passkey_refused",
  "passkey_unsupported",
  // The network.
  "server_unreachable",
  "reconnecting",
  // Camera, microphone, screen.
  "camera_denied",
  "camera_in_use",
  "no_camera",
  "microphone_denied",
  "microphone_in_use",
  "no_microphone",
  "screen_share_denied",
  "devices_unsupported",
  // Answers of the signalling socket.
  "malformed_message",
  "ticket_refused",
  "version_mismatch",
  "offer_refused",
  "not_granted",
  "room_full",
  "too_many_messages",
  "replaced",
  "media_failed",
  "media_unreachable",
  "server_shutting_down",
  // The rest.
  "captions_unavailable",
  "unexpected",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorText {
  /** What happened. */
  title: string;
  /** What is safe. */
  safe: string;
  /** What to do. */
  action: string;
}

const KNOWN: ReadonlySet<string> = new Set(ERROR_CODES);

/** The code that a server named, if we have a sentence for it. */
export function errorCode(name: string): ErrorCode {
  return KNOWN.has(name) ? (name as ErrorCode) : "unexpected";
}

/** Anything thrown, as a code. */
export function codeOf(error: unknown): ErrorCode {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") {
    return errorCode(error.code);
  }
  return "unexpected";
}
