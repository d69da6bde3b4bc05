import type { TranscriptEntryView } from "../../api/schema";

/** What one person said without being interrupted. */
export interface Turn {
  speaker: string;
  kind: TranscriptEntryView["kind"];
  startMs: number;
  entries: TranscriptEntryView[];
}

/** A pause longer than this starts a new turn, so that times stay close to what was said. */
const PAUSE_MS = 20_000;

/** Groups utterances into turns, in the order in which they began. */
export function turnsOf(entries: readonly TranscriptEntryView[]): Turn[] {
  const turns: Turn[] = [];
  for (const entry of entries) {
    const last = turns.at(-1);
    const end = last?.entries.at(-1)?.end_ms ?? 0;
    if (last && last.speaker === entry.speaker && last.kind === entry.kind && entry.start_ms - end <= PAUSE_MS) {
      last.entries.push(entry);
    } else {
      turns.push({ speaker: entry.speaker, kind: entry.kind, startMs: entry.start_ms, entries: [entry] });
    }
  }
  return turns;
}

interface Part {
  text: string;
  match: boolean;
}

/** Cuts a text into parts that match `query` (case ignored) and parts that don't; joined they are the text. */
export function highlight(text: string, query: string): Part[] {
  const wanted = query.trim();
  if (wanted === "") return [{ text, match: false }];
  const escaped = wanted.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text
    .split(new RegExp(`(${escaped})`, "giu"))
    .map((part, index) => ({ text: part, match: index % 2 === 1 }))
    .filter((part) => part.text !== "");
}

/** How often `query` occurs in what was said. */
export function countMatches(entries: readonly TranscriptEntryView[], query: string): number {
  return entries
    .filter((entry) => entry.state === "final")
    .reduce((sum, entry) => sum + highlight(entry.text, query).filter((part) => part.match).length, 0);
}
