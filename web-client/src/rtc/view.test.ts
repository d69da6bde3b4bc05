import { expect, it } from "vitest";
import { type Shown, tilesOf } from "./view";

const camera = (participant: string, width: number, height: number, visible = true): Shown => ({
  participant,
  source: "camera",
  width,
  height,
  visible,
});

it("tells sizes in device pixels", () => {
  expect(tilesOf([camera("par_1", 320.2, 180)], 2, false)).toEqual([
    { participant: "par_1", source: "camera", width: 640, height: 360 },
  ]);
});

it("tells the largest of two elements that show the same track", () => {
  const shown = [camera("par_1", 320, 180), camera("par_1", 640, 360), camera("par_1", 160, 90)];
  expect(tilesOf(shown, 1, false)).toEqual([{ participant: "par_1", source: "camera", width: 640, height: 360 }]);
});

it("asks for nothing of what cannot be seen", () => {
  const shown = [camera("par_1", 320, 180, false), camera("par_2", 320, 180)];
  expect(tilesOf(shown, 1, false).map(({ width }) => width)).toEqual([0, 320]);
  expect(tilesOf(shown, 1, true).map(({ width }) => width)).toEqual([0, 0]);
});
