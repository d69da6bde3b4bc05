import { describe, expect, it } from "vitest";

import type { ParticipantKind, ParticipantView, TrackView } from "../../api/messages";
import { comings, othersOf, roleOf, sends, sharerOf } from "./people";

const person = (id: string, kind: ParticipantKind, tracks: TrackView[] = [], label = ""): ParticipantView => ({
  id,
  name: id,
  kind,
  label,
  presence: "connected",
  tracks,
  captioned: false,
  quality: "good",
});
const ids = (people: readonly ParticipantView[]): string[] => people.map(({ id }) => id);

const doctor = person("doctor", "doctor", [{ source: "microphone", muted: false }]);
const patient = person("patient", "patient", [{ source: "microphone", muted: true }]);
const guest = person("guest", "guest", [{ source: "screen", muted: false }], "Interpreter");

describe("people", () => {
  it("lists the others with the doctor first", () => {
    expect(ids(othersOf([guest, patient, doctor], "guest"))).toEqual(["doctor", "patient"]);
  });

  it("calls a guest what the doctor calls them", () => {
    expect(roleOf(guest)).toBe("Interpreter");
    expect(roleOf(person("g", "guest"))).not.toBe("");
  });

  it("knows that a muted source is not sent", () => {
    expect(sends(doctor, "microphone")).toBe(true);
    expect(sends(patient, "microphone")).toBe(false);
    expect(sends(patient, "camera")).toBe(false);
  });

  it("finds the shared screen", () => {
    expect(sharerOf([doctor, guest])?.id).toBe("guest");
    expect(sharerOf([doctor, patient])).toBeNull();
  });

  it("tells who came and who went", () => {
    const { joined, left } = comings([doctor, patient], [doctor, guest]);
    expect(ids(joined)).toEqual(["guest"]);
    expect(ids(left)).toEqual(["patient"]);
  });
});
