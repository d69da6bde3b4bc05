import { afterAll, beforeAll, expect, it } from "vitest";
import { violations } from "./support/axe";
import { type OpenBrowser, openChromium } from "./support/browser";
import { joinBoth, openScene, type Scene } from "./support/call";

let scene: Scene;
let stranger: OpenBrowser;
beforeAll(async () => {
  [scene, stranger] = await Promise.all([openScene({ lead: 2 }), openChromium()]);
});
afterAll(() => Promise.all([scene?.close(), stranger?.browser.close()]));

it.each([
  ["the sign-in page", "stranger", "/signin"],
  ["the guest page", "stranger", "/guest#secret"],
  ["the sign-up page", "stranger", "/sign-up"],
  ["the page for a forgotten password", "stranger", "/forgot-password"],
  ["the page for a new password", "stranger", "/reset-password#token"],
  ["the set-up page", "stranger", "/setup#secret"],
  ["the patient's home", "patient", "/"],
  ["the doctor's home", "doctor", "/"],
  ["the patient's history", "patient", "/history"],
  ["the settings of the profile", "patient", "/settings/profile"],
  ["the settings of security", "patient", "/settings/security"],
  ["a consultation", "patient", "/consultations/:id"],
  ["the lobby", "doctor", "/consultations/:id/lobby"],
] as const)("%s has no accessibility violation", async (_, who, path) => {
  const { page } = who === "stranger" ? stranger : scene[who];
  await page.goto(scene.server.url + path.replace(":id", scene.consultation));
  await page.locator("h1").first().waitFor();
  expect(await violations(page)).toEqual([]);
});

it("the call has no accessibility violation", async () => {
  await joinBoth(scene);
  await scene.patient.page.locator('[data-testid="caption-line"]').first().waitFor({ timeout: 30_000 });
  expect(await violations(scene.patient.page)).toEqual([]);
});

it("the transcript has no accessibility violation", async () => {
  const { doctor, patient, consultation, server } = scene;
  await doctor.person.api("POST", `/consultations/${consultation}/end`);
  await patient.page.goto(`${server.url}/consultations/${consultation}`);
  await patient.page.locator('[data-testid="transcript-entry"]').first().waitFor();
  expect(await violations(patient.page)).toEqual([]);
});
