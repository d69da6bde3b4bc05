import { describe, expect, it } from "vitest";

import type { CaptionState, CaptionView } from "../../api/messages";
import { applyCaption, type Captions, captionsOnScreen, searchCaptions, splitStable } from "./captions";

const caption = (utterance: number, revision: number, state: CaptionState, text = "", more: Partial<CaptionView> = {}) => ({
  participant: "par_a",
  utterance,
  revision,
  state,
  text,
  stable_chars: 0,
  start_ms: utterance * 1_000,
  end_ms: utterance * 1_000 + 900,
  ...more,
});
const after = (...captions: CaptionView[]): Captions =>
  captions.reduce<Captions>((list, each) => applyCaption(list, { type: "caption", caption: each }), []);
const texts = (captions: Captions): string[] => captions.map(({ text }) => text);

describe("applyCaption", () => {
  it("replaces an utterance by its newer revisions", () => {
    const list = after(caption(1, 1, "partial", "my"), caption(1, 2, "partial", "my head"), caption(1, 3, "final", "My head."));
    expect(texts(list)).toEqual(["My head."]);
    expect(list[0]?.state).toBe("final");
  });

  it("ignores revisions that are older or repeated", () => {
    const list = after(caption(1, 2, "partial", "new"), caption(1, 1, "partial", "old"), caption(1, 2, "partial", "again"));
    expect(texts(list)).toEqual(["new"]);
  });

  it("never changes what is final", () => {
    const list = after(caption(1, 3, "final", "done"), caption(1, 4, "partial", "not"), caption(1, 5, "retracted"));
    expect(texts(list)).toEqual(["done"]);
  });

  it("takes a retracted utterance away", () => {
    expect(after(caption(1, 1, "partial", "hm"), caption(1, 2, "retracted"))).toEqual([]);
  });

  it("keeps a gap as a gap", () => {
    expect(after(caption(1, 1, "partial", "it"), caption(1, 2, "gap"))[0]?.state).toBe("gap");
  });

  it("tells speakers with the same utterance number apart", () => {
    const list = after(caption(1, 1, "final", "a"), caption(1, 1, "final", "b", { participant: "par_b" }));
    expect(texts(list)).toEqual(["a", "b"]);
  });

  it("orders by start, also what arrives late", () => {
    const list = after(caption(3, 1, "final", "third"), caption(1, 1, "final", "first"), caption(2, 1, "final", "second"));
    expect(texts(list)).toEqual(["first", "second", "third"]);
  });

  it("keeps the place of an utterance when others started meanwhile", () => {
    const list = after(caption(1, 1, "partial", "fi"), caption(2, 1, "partial", "second"), caption(1, 2, "final", "first"));
    expect(texts(list)).toEqual(["first", "second"]);
  });

  it("merges the history after a lost connection and drops what was unfinished", () => {
    const before = after(caption(1, 2, "final", "one"), caption(2, 1, "partial", "tw"), caption(3, 1, "partial", "th"));
    const history = [caption(1, 2, "final", "one"), caption(2, 4, "final", "two")];
    expect(texts(applyCaption(before, { type: "history", captions: history }))).toEqual(["one", "two"]);
  });
});

describe("captionsOnScreen", () => {
  it("shows the last two, as long as they are fresh", () => {
    const list = after(caption(1, 1, "final", "one"), caption(2, 1, "final", "two"), caption(3, 1, "partial", "three"));
    expect(texts(captionsOnScreen(list, 4_000))).toEqual(["two", "three"]);
    expect(texts(captionsOnScreen(list, 60_000))).toEqual(["three"]);
  });
});

describe("splitStable", () => {
  it("splits a partial at its stable characters, counted as code points", () => {
    expect(splitStable(caption(1, 1, "partial", "3 × 😀 ok", { stable_chars: 5 }))).toEqual({ stable: "3 × 😀", tail: " ok" });
  });

  it("takes a final as stable whatever it says", () => {
    expect(splitStable(caption(1, 1, "final", "done"))).toEqual({ stable: "done", tail: "" });
  });
});

describe("searchCaptions", () => {
  const list = after(caption(1, 1, "final", "My head hurts"), caption(2, 1, "final", "Since Monday"), caption(3, 1, "partial", "head"));

  it("finds all words in any order and case, in settled lines", () => {
    expect(texts(searchCaptions(list, "HURTS my"))).toEqual(["My head hurts"]);
  });

  it("gives everything settled without a query", () => {
    expect(texts(searchCaptions(list, " "))).toEqual(["My head hurts", "Since Monday"]);
  });
});
