import { afterAll, beforeAll, expect, it } from "vitest";
import { openChromium } from "./support/browser";
import { enterAsGuest, joinBoth, openScene, type Scene } from "./support/call";
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

/** Shares a page of 720 lines in place of a screen: it changes for two seconds, then only when `changeDocument` says so. */
const shareDocument = (): Promise<void> =>
  scene.doctor.page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
    const paper = canvas.getContext("2d");
    if (paper === null) throw new Error("no canvas");
    const stream = canvas.captureStream(0);
    const change = () => {
      paper.fillStyle = "white";
      paper.fillRect(0, 0, 1280, 720);
      paper.fillStyle = "black";
      paper.font = "16px sans-serif";
      for (let line = 1; line < 30; line += 1) paper.fillText(`${line}. Potassium 4.${line} mmol/l`, 40, 24 * line);
      paper.fillText(String(performance.now()), 900, 24);
      (stream.getVideoTracks()[0] as CanvasCaptureMediaStreamTrack).requestFrame();
    };
    navigator.mediaDevices.getDisplayMedia = () => Promise.resolve(stream);
    const changing = setInterval(change, 100);
    setTimeout(() => clearInterval(changing), 2_000);
    Object.assign(window, { changeDocument: change });
  });

it("keeps a shared document readable: every one of its lines arrives", async () => {
  const { doctor, patient } = scene;
  await doctor.page.click(testid("btn-share"));
  await shareDocument();
  await doctor.page.click(testid("btn-share"));
  const lines = async () => (await patient.person.received()).frameHeight[`${doctor.id}/screen`];
  await until("all lines", async () => (await lines()) === 720, { within: 10_000 });
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
