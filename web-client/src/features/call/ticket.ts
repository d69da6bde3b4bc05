/** Fetches the ticket for the signalling socket and says what a refusal means for the call. */

import { ApiError, request } from "../../api/client";
import type { TicketView } from "../../api/schema";
import type { CallFailure } from "../../rtc/failure";
import type { TicketResult } from "../../rtc/signalling";

export async function requestTicket(consultation: string, signal: AbortSignal): Promise<TicketResult> {
  const path = `/consultations/${encodeURIComponent(consultation)}/ticket`;
  try {
    const { ticket, ice_servers: iceServers } = await request<TicketView>("POST", path, { signal });
    return { kind: "ticket", ticket: { ticket, iceServers } };
  } catch (error) {
    const code = error instanceof ApiError ? refusal(error) : null;
    return code === null ? { kind: "unreachable" } : { kind: "failed", code };
  }
}

/** null: it may work the next time. */
export function refusal(error: ApiError): CallFailure | null {
  switch (error.code) {
    case "unauthenticated":
    case "not_found":
      return error.code;
    case "wrong_state":
      return "consultation_not_active";
    case "forbidden":
    case "csrf":
      return "not_granted";
    default:
      return null;
  }
}

/** The socket is on the same origin as the page. */
export function signalUrl(): string {
  const url = new URL("/api/v1/signal", window.location.href);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  return url.href;
}
