/** The list of captions of a call, built from events: revisions replace each other, finals stay. */

import type { CaptionView } from "../../api/messages";
import type { CaptionEvent } from "../../rtc/call";

/** About three hours of conversation; the whole transcript is on the server. */
const MOST_LINES = 3_000;
/** An utterance leaves the screen this long after its end. */
const ON_SCREEN_MS = 8_000;
const LINES_ON_SCREEN = 2;

/** One utterance as it stands now; never `retracted`. Ordered by start. */
export type Captions = readonly CaptionView[];

export function applyCaption(captions: Captions, event: CaptionEvent): Captions {
  if (event.type === "caption") return applyOne(captions, event.caption);
  // After a lost connection: what was still being spoken will come again or has become final meanwhile.
  const kept = captions.filter(({ state }) => state !== "partial");
  return event.captions.reduce<Captions>(applyOne, kept);
}

function applyOne(captions: Captions, caption: CaptionView): Captions {
  const known = captions.find((each) => isSameUtterance(each, caption));
  if (known !== undefined && (isSettled(known) || known.revision >= caption.revision)) return captions;
  const others = known === undefined ? captions : captions.filter((each) => each !== known);
  if (caption.state === "retracted") return others;
  const at = others.findLastIndex((each) => each.start_ms <= caption.start_ms) + 1;
  return [...others.slice(0, at), caption, ...others.slice(at)].slice(-MOST_LINES);
}

/** Finals and gaps are in the transcript: nothing may change them any more. */
function isSettled({ state }: CaptionView): boolean {
  return state === "final" || state === "gap";
}

function isSameUtterance(a: CaptionView, b: CaptionView): boolean {
  return a.participant === b.participant && a.utterance === b.utterance;
}

export function captionKey({ participant, utterance }: CaptionView): string {
  return `${participant}/${utterance}`;
}

/** The last two utterances, while they are fresh. `elapsed`: milliseconds since the consultation started. */
export function captionsOnScreen(captions: Captions, elapsed: number): Captions {
  return captions
    .filter(({ state, end_ms: end }) => state === "partial" || elapsed - end < ON_SCREEN_MS)
    .slice(-LINES_ON_SCREEN);
}

/** What will not change any more, and what still may. Counted in characters as a reader does (code points). */
export function splitStable({ text, state, stable_chars: stable }: CaptionView): { stable: string; tail: string } {
  if (state !== "partial") return { stable: text, tail: "" };
  const characters = Array.from(text);
  return { stable: characters.slice(0, stable).join(""), tail: characters.slice(stable).join("") };
}

/** The settled lines that contain all words of `query`, in any order and case. */
export function searchCaptions(captions: Captions, query: string): Captions {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return captions.filter((caption) => {
    const text = caption.text.toLocaleLowerCase();
    return isSettled(caption) && words.every((word) => text.includes(word));
  });
}
