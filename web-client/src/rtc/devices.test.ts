import { describe, expect, it } from "vitest";

import { loudness, problemOf } from "./devices";

describe("problemOf", () => {
  it.each([
    ["NotAllowedError", "permission_denied"],
    ["NotFoundError", "not_found"],
    ["NotReadableError", "in_use"],
    ["OverconstrainedError", "unsupported"],
    ["SomethingNewError", "unknown"],
  ])("knows %s", (name, problem) => {
    expect(problemOf(new DOMException("", name))).toBe(problem);
  });

  it("survives things that are no errors", () => {
    expect(problemOf("no")).toBe("unknown");
  });
});

describe("loudness", () => {
  const tone = (amplitude: number): number[] => Array.from({ length: 1024 }, (_, at) => amplitude * Math.sin(at));

  it("is 0 in silence and 1 when loud", () => {
    expect(loudness(tone(0))).toBe(0);
    expect(loudness(tone(0.9))).toBe(1);
  });

  it("rises by a fifth with every 10 dB", () => {
    expect(loudness(tone(0.1)) - loudness(tone(0.1 / Math.sqrt(10)))).toBeCloseTo(0.2, 5);
  });
});
