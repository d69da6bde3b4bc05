import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ dialogue: "d02", lead: 6 });
  await joinBoth(scene);
});
afterAll(() => scene?.close());

const finalsOf = async (participant: string) =>
  (await scene.patient.person.captionsOnScreen()).filter((c) => c.participant === participant && c.state === "final");

it("brings media back within two seconds of the doctor's reload", async () => {
  const { doctor, patient } = scene;
  await until("a final caption of the doctor", async () => (await finalsOf(doctor.id)).length > 0, { within: 40_000 });
  await doctor.page.reload({ waitUntil: "commit" });
  const start = Date.now();
  await doctor.person.inCall();
  await doctor.person.sees(1);
  const back = Date.now() - start;
  expect(back).toBeLessThanOrEqual(2_000);

  // The other side sees the doctor move again, not a frozen last picture.
  const before = framesOf(await patient.person.received(), doctor.id);
  await until(
    "the doctor's picture to go on",
    async () => framesOf(await patient.person.received(), doctor.id) > before,
    { within: 5_000 },
  );
});

it("shows no second doctor after the reload", async () => {
  const tiles = await scene.patient.page.locator('[data-testid^="tile-"]').evaluateAll((all) =>
    all.map((tile) => tile.getAttribute("data-testid")),
  );
  expect(tiles).toHaveLength(2);
  expect(new Set(tiles)).toEqual(new Set([`tile-${scene.doctor.id}`, `tile-${scene.patient.id}`]));
});

it("goes on captioning the doctor after the reload", async () => {
  const seen = new Set((await finalsOf(scene.doctor.id)).map((caption) => caption.text));
  await until(
    "a new caption of the doctor",
    async () => (await finalsOf(scene.doctor.id)).some((caption) => !seen.has(caption.text)),
    { within: 40_000 },
  );
});

const framesOf = (received: { framesDecoded: Record<string, number> }, participant: string): number =>
  received.framesDecoded[`${participant}/camera`] ?? 0;
