import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
  await joinBoth(scene, { captions: false });
});
afterAll(() => scene?.close());

/** What the doctor receives of the patient's camera. */
const camera = async (): Promise<{ lines: number; frames: number; audioPackets: number }> => {
  const { framesDecoded, frameHeight, audioPackets } = await scene.doctor.person.received();
  const patient = `${scene.patient.id}/camera`;
  return { lines: frameHeight[patient] ?? 0, frames: framesDecoded[patient] ?? 0, audioPackets };
};
/** The lines of the picture, as soon as they are what is waited for. */
const lines = async (are: (height: number) => boolean): Promise<number> => {
  await until("the size of the picture to change", async () => are((await camera()).lines), { within: 30_000 });
  return (await camera()).lines;
};

// How large it gets also depends on what the estimate of the way says of a machine that encodes and decodes everything.
it("shows more than the smallest picture in a large tile", async () => {
  expect(await lines((height) => height > 180)).toBeGreaterThanOrEqual(360);
});

it("gets a smaller picture for a smaller tile, and a larger one again", async () => {
  await scene.doctor.page.setViewportSize({ width: 360, height: 300 });
  expect(await lines((height) => height <= 180)).toBe(180);
  await scene.doctor.page.setViewportSize({ width: 1280, height: 800 });
  expect(await lines((height) => height > 180)).toBeGreaterThanOrEqual(360);
});

it("is sent no picture while the page is hidden, but all the sound, and sees again at once", async () => {
  const { page } = scene.doctor;
  const hide = (hidden: boolean) =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden ? "hidden" : "visible");
  await hide(true);
  await page.waitForTimeout(1_000);
  const before = await camera();
  await page.waitForTimeout(2_000);
  const after = await camera();
  expect(after.frames - before.frames).toBeLessThanOrEqual(1);
  expect(after.audioPackets - before.audioPackets).toBeGreaterThan(50);

  await hide(false);
  await until("the picture to move again", async () => (await camera()).frames > after.frames + 5, { within: 2_000 });
  expect(scene.server.log).not.toContain("panicked");
});
