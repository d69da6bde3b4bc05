import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { testid } from "./support/tab";
import { until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
  await joinBoth(scene, { captions: false });
});
afterAll(() => scene?.close());

const framesOfScreen = async (): Promise<number> =>
  (await scene.patient.person.received()).framesDecoded[`${scene.doctor.id}/screen`] ?? 0;

it("shows the doctor's screen beside the doctor's camera, and takes it away again", async () => {
  const { doctor, patient } = scene;
  await doctor.page.click(testid("btn-share"));
  await until("the screen to be decoded", async () => (await framesOfScreen()) > 10);
  const camera = async () => (await patient.person.received()).framesDecoded[`${doctor.id}/camera`] ?? 0;
  const before = await camera();
  await until("the camera to go on", async () => (await camera()) > before + 10, { within: 5_000 });

  await doctor.page.click(testid("btn-share"));
  const shown = () => patient.page.locator(`video[data-participant="${doctor.id}"][data-source="screen"]`).count();
  await until("the screen to be gone", async () => (await shown()) === 0, { within: 5_000 });
});

it("shows it again when it is shared again", async () => {
  await scene.doctor.page.click(testid("btn-share"));
  const before = await framesOfScreen();
  await until("the screen to be decoded again", async () => (await framesOfScreen()) > before + 10);
  expect(scene.server.log).not.toContain("panicked");
});
