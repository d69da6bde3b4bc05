import { describe, expect, it } from "vitest";

import type { ParticipantView, TrackSource } from "../api/messages";
import { isCurrent, type Line, planLines, wantedTracks } from "./lines";

const person = (id: string, ...sources: TrackSource[]): ParticipantView => ({
  id,
  name: id,
  kind: "guest",
  label: "",
  presence: "connected",
  tracks: sources.map((source) => ({ source, muted: false })),
  captioned: false,
  quality: "good",
});
const audio = (participant: string | null): Line => ({
  kind: "audio",
  holds: participant === null ? null : { participant, source: "microphone" },
});
const video = (participant: string | null, source: TrackSource = "camera"): Line => ({
  kind: "video",
  holds: participant === null ? null : { participant, source },
});

describe("wantedTracks", () => {
  it("is every track of everyone else", () => {
    const people = [person("me", "microphone", "camera"), person("ann", "microphone", "camera"), person("bob", "screen")];
    expect(wantedTracks(people, "me")).toEqual([
      { participant: "ann", source: "microphone" },
      { participant: "ann", source: "camera" },
      { participant: "bob", source: "screen" },
    ]);
  });
});

describe("planLines", () => {
  it("adds a line for every track at first", () => {
    const wanted = wantedTracks([person("ann", "microphone", "camera")], "me");
    expect(planLines([], wanted)).toEqual({ existing: [], added: wanted });
  });

  it("leaves a track on its line when another one before it disappears", () => {
    const wanted = wantedTracks([person("bob", "microphone")], "me");
    const { existing, added } = planLines([audio("ann"), audio("bob")], wanted);
    expect(existing).toEqual([null, { participant: "bob", source: "microphone" }]);
    expect(added).toEqual([]);
  });

  it("reuses a free line of the same kind only", () => {
    const wanted = wantedTracks([person("cem", "camera", "microphone")], "me");
    const { existing, added } = planLines([audio(null), video("gone")], wanted);
    expect(existing).toEqual([
      { participant: "cem", source: "microphone" },
      { participant: "cem", source: "camera" },
    ]);
    expect(added).toEqual([]);
    expect(planLines([audio(null)], [{ participant: "cem", source: "camera" }]).added).toHaveLength(1);
  });

  it("never puts two tracks on one line", () => {
    const wanted = wantedTracks([person("ann", "camera", "screen"), person("bob", "camera")], "me");
    const { existing, added } = planLines([video(null)], wanted);
    expect(existing).toEqual([wanted[0]]);
    expect(added).toEqual(wanted.slice(1));
  });
});

describe("isCurrent", () => {
  it("compares what the lines hold with what is wanted", () => {
    const wanted = wantedTracks([person("ann", "microphone")], "me");
    expect(isCurrent([audio("ann"), video(null)], wanted)).toBe(true);
    expect(isCurrent([audio(null)], wanted)).toBe(false);
    expect(isCurrent([audio("ann"), video("ann")], wanted)).toBe(false);
    expect(isCurrent([], [])).toBe(true);
  });
});
