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
const camera = async (): Promise<{ lines: number; frames: number; audio: number }> => {
  const { framesDecoded, frameHeight, audioEnergy } = await scene.doctor.person.received();
  const patient = `${scene.patient.id}/camera`;
  return { lines: frameHeight[patient] ?? 0, frames: framesDecoded[patient] ?? 0, audio: audioEnergy };
};
const lines = (wanted: number, within = 15_000) =>
  until(`a picture of ${wanted} lines`, async () => (await camera()).lines === wanted, { within });

// The camera's own estimate of its way starts low: on a slow machine the large picture takes ten seconds to begin.
it("shows a picture that fills a large tile", async () => {
  await lines(720, 30_000);
});

it("gets a smaller picture for a smaller tile, and the large one again", async () => {
  await scene.doctor.page.setViewportSize({ width: 560, height: 420 });
  await lines(360);
  await scene.doctor.page.setViewportSize({ width: 360, height: 300 });
  await lines(180);
  await scene.doctor.page.setViewportSize({ width: 1280, height: 800 });
  await lines(720);
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
  expect(after.audio).toBeGreaterThan(before.audio);

  await hide(false);
  await until("the picture to move again", async () => (await camera()).frames > after.frames + 5, { within: 2_000 });
  expect(scene.server.log).not.toContain("panicked");
});
