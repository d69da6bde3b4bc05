/** What the stage shows about people: pure functions over participants. */

import type { ParticipantView, TrackSource } from "../../api/messages";
import { t } from "../../lib/i18n";

/** "Doctor", "Patient", or what the doctor calls the guest. */
export function roleOf({ kind, label }: ParticipantView): string {
  return kind === "guest" && label !== "" ? label : t.call.kinds[kind];
}

/** A source that is published and not muted. */
export function sends({ tracks }: ParticipantView, source: TrackSource): boolean {
  return tracks.some((track) => track.source === source && !track.muted);
}

/** The others, in a stable order: doctor, patient, guests in the order of joining. */
export function othersOf(participants: readonly ParticipantView[], you: string | null): ParticipantView[] {
  const rank = { doctor: 0, patient: 1, guest: 2 };
  return participants.filter(({ id }) => id !== you).toSorted((a, b) => rank[a.kind] - rank[b.kind]);
}

/** The one whose screen is on the stage. */
export function sharerOf(others: readonly ParticipantView[]): ParticipantView | null {
  return others.find((person) => sends(person, "screen")) ?? null;
}

/** Who came and who went between two moments. */
export function comings(
  before: readonly ParticipantView[],
  after: readonly ParticipantView[],
): { joined: ParticipantView[]; left: ParticipantView[] } {
  const absent = (people: readonly ParticipantView[]) => (person: ParticipantView) =>
    people.every(({ id }) => id !== person.id);
  return { joined: after.filter(absent(before)), left: before.filter(absent(after)) };
}

/** Columns of the grid that makes the tiles of `count` people largest. */
export function columnsFor(count: number, portrait: boolean): number {
  if (portrait) return count <= 3 ? 1 : 2;
  return count <= 1 ? 1 : count <= 4 ? 2 : count <= 6 ? 3 : 4;
}
