import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { testid } from "./support/tab";
import { pause, until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ dialogue: "d03" });
  await joinBoth(scene);
});
afterAll(() => scene?.close());

it("stops captioning within a second of a speaker's withdrawal, and says so", async () => {
  const { doctor, patient } = scene;
  const captions = async () => (await patient.person.captionsOnScreen()).filter((c) => c.participant === doctor.id);
  await until("a caption of the doctor", async () => (await captions()).length > 0, { within: 40_000 });

  await doctor.page.click(testid("btn-consent"));
  await pause(1_000);
  const after = JSON.stringify(await captions());
  const shown = await transcriptTexts();
  // The doctor goes on speaking for twenty seconds and more; nothing new may appear.
  for (let second = 0; second < 15; second += 1) {
    await pause(1_000);
    const now = await captions();
    expect(now.length === 0 || JSON.stringify(now) === after, `a caption after ${second + 2} s`).toBe(true);
  }
  expect(await transcriptTexts()).toEqual(shown);
  const tile = await patient.page.locator(testid(`tile-${doctor.id}`)).innerText();
  expect(tile.toLowerCase()).toContain("not captioned");
});

it("captions again once the speaker consents again", async () => {
  const { doctor, patient } = scene;
  await doctor.page.click(testid("btn-consent"));
  // The voice is silent by now or later: a reload starts it from its beginning.
  await doctor.page.reload();
  await doctor.person.inCall();
  await until(
    "a new caption of the doctor",
    async () => (await patient.person.captionsOnScreen()).some((c) => c.participant === doctor.id && c.state !== "final"),
    { within: 60_000 },
  );
});

/** What the server keeps of the doctor's words. */
async function transcriptTexts(): Promise<string[]> {
  const { doctor, consultation } = scene;
  const path = `/consultations/${consultation}/transcript`;
  const { entries } = await doctor.person.api<{ entries: { kind: string; text: string }[] }>("GET", path);
  return entries.filter((entry) => entry.kind === "doctor").map((entry) => entry.text);
}
