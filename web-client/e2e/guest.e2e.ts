import { afterAll, beforeAll, expect, it } from "vitest";
import { type OpenBrowser, openChromium } from "./support/browser";
import { enterAsGuest, joinBoth, openScene, type Scene } from "./support/call";
import { Person } from "./support/person";
import { testid } from "./support/tab";
import { until } from "./support/until";
import { errors } from "../src/locales/en/errors";

let scene: Scene;
let guest: OpenBrowser;
beforeAll(async () => {
  [scene, guest] = await Promise.all([openScene(), openChromium()]);
  await joinBoth(scene);
});
afterAll(() => Promise.all([scene?.close(), guest?.browser.close()]));

it("lets an invited guest join by link, seen and heard by both, and leave", async () => {
  const { doctor, patient, consultation } = scene;
  const { url } = await doctor.person.api<{ url: string }>("POST", `/consultations/${consultation}/invites`, {
    label: "Interpreter",
  });
  await enterAsGuest(guest, url, "Robin Vale");
  await guest.page.waitForURL(`**/consultations/${consultation}/lobby`);
  const person = new Person(guest.page, scene.server);
  await person.enterLobby(consultation);
  await person.join();
  await Promise.all([person.sees(2), doctor.person.sees(2), patient.person.sees(2)]);
  await until("sound from both", async () => (await person.received()).audioStreams >= 2);
  await until("the guest's name", async () => (await patient.person.bodyText()).includes("Robin Vale"));

  await guest.page.click(testid("btn-leave"));
  const tiles = () => patient.page.locator('[data-testid^="tile-"]').count();
  await until("the guest to be gone", async () => (await tiles()) === 2, { within: 5_000 });
  // The two go on as before.
  const before = (await patient.person.received()).framesDecoded[`${doctor.id}/camera`] ?? 0;
  await until(
    "the doctor's picture to go on",
    async () => ((await patient.person.received()).framesDecoded[`${doctor.id}/camera`] ?? 0) > before,
    { within: 5_000 },
  );
});

it("refuses the same link a second time, and says so", async () => {
  const { doctor, consultation } = scene;
  const { url } = await doctor.person.api<{ url: string }>("POST", `/consultations/${consultation}/invites`, {
    label: "Relative",
  });
  for (const expected of [`**/consultations/${consultation}/lobby`, null]) {
    const stranger = await openChromium();
    try {
      await enterAsGuest(stranger, url, "Kim Adler");
      if (expected) await stranger.page.waitForURL(expected);
      else await stranger.page.getByText(errors.invite_used.title).waitFor();
      expect(stranger.page.url().includes("/lobby")).toBe(expected !== null);
    } finally {
      await stranger.browser.close();
    }
  }
});
