import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { type ReceivedCaption, recordCaptions } from "./support/received-captions";
import { testid } from "./support/tab";
import { pause, until } from "./support/until";

let scene: Scene;
let captions: ReceivedCaption[];
beforeAll(async () => {
  scene = await openScene({ dialogue: "d03" });
  captions = recordCaptions(scene.patient.page);
  await joinBoth(scene);
});
afterAll(() => scene?.close());

/** Words of this participant that arrived at the patient's after this time, milliseconds since the epoch. */
const wordsOf = (participant: string, since: number): ReceivedCaption[] =>
  captions.filter(
    ({ caption, at }) => caption.participant === participant && caption.state !== "retracted" && at > since,
  );

/** Does the patient see the doctor marked as captioned? */
const marked = (): Promise<string | null> =>
  scene.patient.page.locator(`${testid(`tile-${scene.doctor.id}`)} ${testid("captioned-mark")}`).getAttribute("data-captioned");

it("stops captioning within a second of a speaker's withdrawal, and everyone sees it", async () => {
  const { doctor, patient } = scene;
  await until("a caption of the doctor", () => wordsOf(doctor.id, 0).length > 0, { within: 40_000 });
  expect(await marked()).toBe("true");

  const withdrawn = Date.now();
  await doctor.page.click(testid("btn-consent"));
  await until("the mark to change", async () => (await marked()) === "false", { within: 1_000 });
  // The doctor says five more sentences in the next twenty seconds; the patient goes on being captioned.
  await pause(20_000);
  expect(wordsOf(doctor.id, withdrawn + 1_000)).toEqual([]);
  expect(wordsOf(patient.id, withdrawn + 1_000).length).toBeGreaterThan(0);
  const onScreen = await patient.person.captionsOnScreen();
  expect(onScreen.filter(({ participant }) => participant === doctor.id)).toEqual([]);
});

it("captions again once the speaker consents again", async () => {
  const { doctor } = scene;
  await doctor.page.click(testid("btn-consent"));
  await until("the mark to change", async () => (await marked()) === "true", { within: 1_000 });
  // A reload starts the doctor's voice from its beginning.
  const again = Date.now();
  await doctor.page.reload();
  await until("a new caption of the doctor", () => wordsOf(doctor.id, again).length > 0, { within: 60_000 });
});
