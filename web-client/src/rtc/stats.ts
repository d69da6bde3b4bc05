/** From WebRTC statistics to what a person is told: good, fair or poor, and why. */

import type { Quality } from "../api/messages";

/** Counters of everything received from one participant, since the connection began. */
export interface ReceiveCounters {
  packets: number;
  lost: number;
  bytes: number;
  framesDecoded: number;
  freezeSeconds: number;
}

/** What was received from one participant during one interval. */
export interface ReceiveStats {
  quality: Quality;
  /** 0…1 */
  loss: number;
  kilobitsPerSecond: number;
  framesPerSecond: number;
  /** 0…1, the part of the interval in which the picture stood still. */
  frozen: number;
}

/** The members of an `inbound-rtp` entry that are used here. */
export interface InboundEntry {
  type: string;
  mid?: string;
  packetsReceived?: number;
  packetsLost?: number;
  bytesReceived?: number;
  framesDecoded?: number;
  totalFreezesDuration?: number;
}

const NOTHING: ReceiveCounters = { packets: 0, lost: 0, bytes: 0, framesDecoded: 0, freezeSeconds: 0 };
const ORDER: readonly Quality[] = ["good", "fair", "poor"];

/** Adds up the received tracks of each participant. */
export function countReceived(
  entries: Iterable<InboundEntry>,
  participantOf: (mid: string) => string | null,
): Map<string, ReceiveCounters> {
  const counters = new Map<string, ReceiveCounters>();
  for (const entry of entries) {
    if (entry.type !== "inbound-rtp" || entry.mid === undefined) continue;
    const participant = participantOf(entry.mid);
    if (participant === null) continue;
    const sum = counters.get(participant) ?? NOTHING;
    counters.set(participant, {
      packets: sum.packets + (entry.packetsReceived ?? 0),
      lost: sum.lost + (entry.packetsLost ?? 0),
      bytes: sum.bytes + (entry.bytesReceived ?? 0),
      framesDecoded: sum.framesDecoded + (entry.framesDecoded ?? 0),
      freezeSeconds: sum.freezeSeconds + (entry.totalFreezesDuration ?? 0),
    });
  }
  return counters;
}

/** `seconds` lie between the two counts. An m-line that now carries someone else makes counters fall: never below 0. */
export function receiveStats(before: ReceiveCounters | undefined, now: ReceiveCounters, seconds: number): ReceiveStats {
  const past = before ?? NOTHING;
  const packets = Math.max(0, now.packets - past.packets);
  const lost = Math.max(0, now.lost - past.lost);
  const loss = packets + lost === 0 ? 0 : lost / (packets + lost);
  const frozen = Math.min(1, Math.max(0, now.freezeSeconds - past.freezeSeconds) / seconds);
  return {
    quality: qualityOf(loss, frozen),
    loss,
    frozen,
    kilobitsPerSecond: (Math.max(0, now.bytes - past.bytes) * 8) / 1000 / seconds,
    framesPerSecond: Math.max(0, now.framesDecoded - past.framesDecoded) / seconds,
  };
}

/** Opus with redundancy hides about 3 % loss; above 10 % words are missing. */
export function qualityOf(loss: number, frozen: number): Quality {
  if (loss > 0.1 || frozen > 0.3) return "poor";
  if (loss > 0.03 || frozen > 0.1) return "fair";
  return "good";
}

/** What the server sees and what arrives here are two halves of one way: the worse one counts. */
export function worse(a: Quality, b: Quality): Quality {
  return ORDER[Math.max(ORDER.indexOf(a), ORDER.indexOf(b))] ?? "poor";
}
