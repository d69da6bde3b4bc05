import { afterAll, beforeAll, expect, it } from "vitest";
import { openChromium } from "./support/browser";
import { enterAsGuest, joinBoth, openScene, type Scene } from "./support/call";
import { LINES, legibleLines, shareDocument } from "./support/document";
import { Person } from "./support/person";
import { testid } from "./support/tab";
import { pause, until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
  await joinBoth(scene, { captions: false });
});
afterAll(() => scene?.close());

const framesOfScreen = async (viewer = scene.patient.person): Promise<number> =>
  (await viewer.received()).framesDecoded[`${scene.doctor.id}/screen`] ?? 0;

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

it("keeps the small print of a shared document readable: each of its lines can be told from all others", async () => {
  const { doctor, patient } = scene;
  await doctor.page.click(testid("btn-share"));
  await shareDocument(doctor.page);
  const shared = Date.now();
  await doctor.page.click(testid("btn-share"));
  const screen = `video[data-participant="${doctor.id}"][data-source="screen"]`;
  await until("all lines", async () => (await legibleLines(patient.page, screen)) === LINES, { within: 10_000 });
  process.stdout.write(`small print readable after ${Date.now() - shared} ms\n`);
  const { frameHeight } = await patient.person.received();
  expect(frameHeight[`${doctor.id}/screen`]).toBe(720);
});

it("shows a document that stands still to who comes later, as soon as it has one more picture", async () => {
  const { doctor, consultation, server } = scene;
  await pause(5_000);
  const { url } = await doctor.person.api<{ url: string }>("POST", `/consultations/${consultation}/invites`, {
    label: "Interpreter",
  });
  const guest = await openChromium();
  try {
    await enterAsGuest(guest, url, "Robin Vale");
    await guest.page.waitForURL(`**/consultations/${consultation}/lobby`);
    const person = new Person(guest.page, server);
    await person.enterLobby(consultation);
    await person.join();
    await Promise.all([person.sees(2), doctor.person.sees(2)]);
    await pause(2_000);
    expect(await framesOfScreen(person), "nothing of it is sent").toBe(0);
    // A single picture helps only if it is a keyframe, so somebody has asked for one.
    await doctor.page.evaluate(() => (window as unknown as { changeDocument: () => void }).changeDocument());
    await until("the document", async () => (await framesOfScreen(person)) > 0, { within: 5_000 });
  } finally {
    await guest.browser.close();
  }
});
