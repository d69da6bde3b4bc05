/** Why a call ended or could not go on: closed sets, each member has its sentences in the locale file. */

import type { SignalError } from "../api/messages";

/** The call is over, and nothing is wrong. */
export type CallEnd = "left" | "ended" | "replaced";

/** The call cannot go on by itself. */
export type CallFailure =
  | "consultation_not_active"
  | "malformed_message"
  | "media_failed"
  | "media_unreachable"
  | "not_found"
  | "not_granted"
  | "room_full"
  | "unauthenticated"
  | "version_mismatch";

export type Outcome = { kind: "ended"; why: CallEnd } | { kind: "failed"; code: CallFailure };

/** What the end of one socket means: stop for good, try again, or try again a few times only. */
export type SocketEnd = { kind: "final"; outcome: Outcome } | { kind: "retry" } | { kind: "suspect" };

const ended = (why: CallEnd): SocketEnd => ({ kind: "final", outcome: { kind: "ended", why } });
const failed = (code: CallFailure): SocketEnd => ({ kind: "final", outcome: { kind: "failed", code } });

/**
 * Reads the close code of a signalling socket (docs/API.md) together with the last error that the server named on it.
 * Anything unknown is a lost connection.
 */
export function socketEnd(closeCode: number, lastError: SignalError | null): SocketEnd {
  switch (closeCode) {
    case 4403:
      return lastError === "room_full" ? failed("room_full") : failed("not_granted");
    case 4409:
      return ended("replaced");
    case 4410:
      return ended("ended");
    case 4411:
      return failed("consultation_not_active");
    default:
      return closeCode >= 4400 && closeCode < 4500 ? closedWithError(lastError) : { kind: "retry" };
  }
}

function closedWithError(error: SignalError | null): SocketEnd {
  switch (error) {
    case "version_mismatch":
      return failed("version_mismatch");
    case "consultation_not_active":
      return failed("consultation_not_active");
    case "not_granted":
      return failed("not_granted");
    case "room_full":
      return failed("room_full");
    case "replaced":
      return ended("replaced");
    case "media_failed":
    case "server_shutting_down":
      return { kind: "retry" };
    default:
      return { kind: "suspect" };
  }
}
