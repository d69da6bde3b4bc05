import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { type ReceivedCaption, recordCaptions } from "./support/received-captions";
import { until } from "./support/until";

let scene: Scene;
let captions: ReceivedCaption[];
beforeAll(async () => {
  scene = await openScene({ dialogue: "d02", lead: 6 });
  captions = recordCaptions(scene.patient.page);
  await joinBoth(scene);
});
afterAll(() => scene?.close());

/** Final captions of the doctor whose words began after this time, milliseconds since the epoch. */
const doctorsFinals = (since: number): ReceivedCaption[] =>
  captions.filter(
    ({ caption }) =>
      caption.participant === scene.doctor.id && caption.state === "final" && scene.startedAt + caption.start_ms > since,
  );

let reloadedAt = 0;

it("brings media back within two seconds of the doctor's reload", async () => {
  const { doctor, patient } = scene;
  await until("a final caption of the doctor", () => doctorsFinals(0).length > 0, { within: 40_000 });
  // A machine that is busy with something else may spoil one attempt; what is too slow is so each time.
  const took: number[] = [];
  while (took.length < 3 && took.every((ms) => ms > 2_000)) {
    reloadedAt = Date.now();
    await doctor.page.reload({ waitUntil: "commit" });
    await doctor.person.sees(1);
    took.push(Date.now() - reloadedAt);
  }
  expect(Math.min(...took), `${took.join(", ")} ms`).toBeLessThanOrEqual(2_000);

  // The other side sees the doctor move again, not a frozen last picture.
  const frames = async () => (await patient.person.received()).framesDecoded[`${doctor.id}/camera`] ?? 0;
  const before = await frames();
  await until("the doctor's picture to go on", async () => (await frames()) > before + 10, { within: 5_000 });
});

it("shows no second doctor after the reload", async () => {
  const tiles = await scene.patient.page
    .locator('[data-testid^="tile-"]')
    .evaluateAll((all) => all.map((tile) => tile.getAttribute("data-testid")));
  expect(tiles).toHaveLength(2);
  expect(new Set(tiles)).toEqual(new Set([`tile-${scene.doctor.id}`, `tile-${scene.patient.id}`]));
});

it("goes on captioning the doctor after the reload", async () => {
  await until("a new caption of the doctor", () => doctorsFinals(reloadedAt).length > 0, { within: 40_000 });
});
