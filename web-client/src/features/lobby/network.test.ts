import { describe, expect, it } from "vitest";

import { gradeNetwork } from "./network";

describe("gradeNetwork", () => {
  it.each([
    [30, null, "good"],
    [30, 10, "good"],
    [300, 10, "fair"],
    [30, 0.8, "fair"],
    [800, 10, "poor"],
    [30, 0.3, "poor"],
  ] as const)("%d ms and %s Mbit/s are %s", (roundTrip, megabits, grade) => {
    expect(gradeNetwork(roundTrip, megabits)).toBe(grade);
  });
});
