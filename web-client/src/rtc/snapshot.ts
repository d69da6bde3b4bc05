/** What a call looks like from outside, at one moment. */

import type { CaptionService, ParticipantView } from "../api/messages";
import type { Choice } from "./choice";
import type { CallEnd, CallFailure } from "./failure";
import type { LocalSources } from "./local";
import type { RemoteMedia } from "./peer";
import type { ReceiveStats } from "./stats";

export type CallState =
  | { name: "connecting" }
  | { name: "active" }
  /** Media is lost and being brought back; `since` in milliseconds since the epoch. */
  | { name: "reconnecting"; since: number }
  | { name: "ended"; why: CallEnd }
  | { name: "failed"; code: CallFailure };

export interface CallSnapshot {
  state: CallState;
  /** Media goes on without the socket, captions and changes do not. `retryAt` in milliseconds since the epoch. */
  signalling: { up: true } | { up: false; retryAt: number | null };
  /** When the server stops at the latest, milliseconds since the epoch; null: it does not. */
  stopsAt: number | null;
  /** Own participant id, once known. */
  you: string | null;
  /** When the consultation started, milliseconds since the epoch by this computer's clock. */
  startedAt: number | null;
  participants: readonly ParticipantView[];
  media: RemoteMedia;
  local: LocalSources;
  /** Participant ids, loudest first. */
  activeSpeakers: readonly string[];
  captionService: CaptionService | null;
  /** May my words be captioned: my own wish, which the server follows within a second. */
  consent: boolean;
  /** The loudspeaker that was chosen; null: the system's. */
  output: string | null;
  stats: ReadonlyMap<string, ReceiveStats>;
  /** For support and tests. */
  peerConnection: RTCPeerConnection | null;
}

/** Before anything has happened. */
export function firstSnapshot(local: LocalSources, choice: Choice): CallSnapshot {
  return {
    state: { name: "connecting" },
    signalling: { up: false, retryAt: null },
    stopsAt: null,
    you: null,
    startedAt: null,
    participants: [],
    media: new Map(),
    local,
    activeSpeakers: [],
    captionService: null,
    consent: choice.captions,
    output: choice.speaker,
    stats: new Map(),
    peerConnection: null,
  };
}
