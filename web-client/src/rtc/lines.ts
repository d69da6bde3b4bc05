/** Which m-line receives which remote track: pure planning, no browser objects. */

import type { ParticipantView, TrackSource } from "../api/messages";

export type MediaKind = "audio" | "video";

export interface RemoteTrack {
  participant: string;
  source: TrackSource;
}

/** A receiving m-line; `holds` is null while nothing is received on it and it may be reused. */
export interface Line {
  kind: MediaKind;
  holds: RemoteTrack | null;
}

export interface LinePlan {
  /** What each existing line receives from now on, in the order of the lines. */
  existing: (RemoteTrack | null)[];
  /** Tracks for which a new line is needed. */
  added: RemoteTrack[];
}

export function kindOf(source: TrackSource): MediaKind {
  return source === "microphone" ? "audio" : "video";
}

export function sameTrack(a: RemoteTrack | null, b: RemoteTrack | null): boolean {
  return a?.participant === b?.participant && a?.source === b?.source;
}

/** Every track of everyone but `you`. */
export function wantedTracks(participants: readonly ParticipantView[], you: string): RemoteTrack[] {
  return participants
    .filter(({ id }) => id !== you)
    .flatMap(({ id, tracks }) => tracks.map(({ source }) => ({ participant: id, source })));
}

/**
 * A track keeps its line as long as it exists; a new one takes a free line of its kind before a line is added. Lines
 * are never removed: SDP cannot, and a reused one needs no new transport.
 */
export function planLines(lines: readonly Line[], wanted: readonly RemoteTrack[]): LinePlan {
  const existing = lines.map(({ holds }) => (wanted.some((track) => sameTrack(track, holds)) ? holds : null));
  const added: RemoteTrack[] = [];
  for (const track of wanted) {
    if (existing.some((held) => sameTrack(held, track))) continue;
    const free = existing.findIndex((held, at) => held === null && lines[at]?.kind === kindOf(track.source));
    if (free >= 0) existing[free] = track;
    else added.push(track);
  }
  return { existing, added };
}

/** True when the lines already receive exactly what is wanted. */
export function isCurrent(lines: readonly Line[], wanted: readonly RemoteTrack[]): boolean {
  const { existing, added } = planLines(lines, wanted);
  return added.length === 0 && existing.every((track, at) => sameTrack(track, lines[at]?.holds ?? null));
}
