import { describe, expect, it } from "vitest";

import type { TranscriptEntryView } from "../../api/schema";
import { countMatches, highlight, turnsOf } from "./turns";

function said(speaker: string, start: number, end: number, text: string): TranscriptEntryView {
  return { speaker, kind: speaker.startsWith("Dr") ? "doctor" : "patient", start_ms: start, end_ms: end, state: "final", text };
}

describe("turnsOf", () => {
  it("joins what one person says in a row and starts anew when the other speaks", () => {
    const turns = turnsOf([
      said("Dr Lee", 0, 900, "Hello."),
      said("Dr Lee", 1500, 3000, "What brings you here?"),
      said("Ana", 3500, 5000, "My knee hurts."),
      said("Dr Lee", 5200, 6000, "Since when?"),
    ]);
    expect(turns.map((turn) => [turn.speaker, turn.startMs, turn.entries.length])).toEqual([
      ["Dr Lee", 0, 2],
      ["Ana", 3500, 1],
      ["Dr Lee", 5200, 1],
    ]);
  });

  it("starts anew after a long pause of the same person", () => {
    const turns = turnsOf([said("Ana", 0, 1000, "One."), said("Ana", 21_001, 22_000, "Two.")]);
    expect(turns.map((turn) => turn.startMs)).toEqual([0, 21_001]);
  });

  it("keeps two people of the same name apart by their kind", () => {
    const guest = { ...said("Ana", 1200, 2000, "I am her sister."), kind: "guest" as const };
    expect(turnsOf([said("Ana", 0, 1000, "Hello."), guest])).toHaveLength(2);
  });
});

describe("highlight", () => {
  it("marks every occurrence, whatever its case, and loses nothing", () => {
    const parts = highlight("Knee pain: the knee, not the KNEES.", "knee");
    expect(parts.filter((part) => part.match).map((part) => part.text)).toEqual(["Knee", "knee", "KNEE"]);
    expect(parts.map((part) => part.text).join("")).toBe("Knee pain: the knee, not the KNEES.");
  });

  it("takes signs of the query literally", () => {
    expect(highlight("5 mg (daily)", "(daily)").filter((part) => part.match)).toHaveLength(1);
    expect(highlight("abc", ".").some((part) => part.match)).toBe(false);
  });

  it("marks nothing for an empty query", () => {
    expect(highlight("abc", "  ")).toEqual([{ text: "abc", match: false }]);
  });
});

it("countMatches does not look into gaps", () => {
  const gap: TranscriptEntryView = { ...said("Ana", 9000, 9900, "knee"), state: "gap" };
  expect(countMatches([said("Ana", 0, 1000, "knee and knee"), gap], "knee")).toBe(2);
});
