import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { consultation as text } from "../src/locales/en/consultation";
import { session } from "../src/locales/en/session";
import { type OpenBrowser, openChromium } from "./support/browser";
import { Person } from "./support/person";
import { finalText, type ReceivedCaption, recordCaptions } from "./support/received-captions";
import { type Account, Server } from "./support/server";
import { testid } from "./support/tab";
import { pause, until } from "./support/until";
import { makeVoice, spoken } from "./support/voices";
import { wordErrorRate, words } from "./support/words";

/** The whole of a consultation, in the order in which it happens; each test goes on where the last one ended. */
let server: Server;
let doctor: OpenBrowser;
let patient: OpenBrowser;
let heard: ReceivedCaption[];
const voices = { doctor: makeVoice("d01", "doctor"), patient: makeVoice("d01", "patient") };
let id = "";
/** The database before anything was said. */
let bytesBefore = "";
const ids = { doctor: "", patient: "" };

beforeAll(async () => {
  [server, doctor, patient] = await Promise.all([
    Server.start(),
    openChromium({ microphone: voices.doctor.file }),
    openChromium({ microphone: voices.patient.file }),
  ]);
  heard = recordCaptions(patient.page);
});
afterAll(async () => {
  await Promise.all([doctor?.browser.close(), patient?.browser.close()]);
  await server?.stop();
});

it("lets a patient ask and a doctor accept", async () => {
  await signIn(patient.page, server.account("patient"));
  await patient.page.getByLabel(text.reason).fill("Chest pain since Tuesday");
  await patient.page.getByRole("button", { name: text.request }).click();
  await patient.page.getByText(text.waitingTitle.requested).waitFor();

  await signIn(doctor.page, server.account("doctor"));
  await doctor.page.getByRole("button", { name: text.acceptLabel(server.account("patient").name) }).click();
  await doctor.page.getByRole("button", { name: text.start }).click();
  await doctor.page.waitForURL("**/lobby");
  id = /con_[0-9a-f]{32}/.exec(doctor.page.url())?.[0] ?? "";
  await patient.page.getByRole("link", { name: text.join }).click();
  await patient.page.waitForURL(`**/consultations/${id}/lobby`);
  expect(id).not.toBe("");
  bytesBefore = databaseBytes();
});

it("takes both through the lobby, with consent, into the call", async () => {
  const people = [new Person(doctor.page, server), new Person(patient.page, server)] as const;
  await Promise.all(people.map(async (person) => {
    await person.cameraShown();
    await person.join();
  }));
  for (const role of ["doctor", "patient"] as const) {
    const person = role === "doctor" ? people[0] : people[1];
    ids[role] = (await person.api<{ participant_id: string }>("GET", `/consultations/${id}`)).participant_id;
  }
  expect(ids.doctor).not.toBe(ids.patient);
});

it("shows and plays each to the other for twenty seconds", async () => {
  const people = [new Person(doctor.page, server), new Person(patient.page, server)] as const;
  await Promise.all(people.map((person) => person.sees(1)));
  const energies = await Promise.all(people.map(async (person) => (await person.received()).audioEnergy));
  let frames = await framesDecoded(people);
  for (let second = 0; second < 20; second += 2) {
    await pause(2_000);
    const now = await framesDecoded(people);
    now.forEach((count, i) => expect(count, `frames after ${second + 2} s`).toBeGreaterThan(frames[i] ?? 0));
    frames = now;
  }
  const after = await Promise.all(people.map(async (person) => (await person.received()).audioEnergy));
  after.forEach((energy, i) => expect(energy).toBeGreaterThan(energies[i] ?? 0));
});

it("captions both under the right name, at most one word in twenty wrong", async () => {
  const seen: Record<string, Set<string>> = {};
  await until(
    "the last words of both",
    async () => {
      for (const { participant, speaker } of await new Person(patient.page, server).captionsOnScreen()) {
        (seen[participant] ??= new Set()).add(speaker);
      }
      return (["doctor", "patient"] as const).every((role) => finals(role).length >= voices[role].utterances.length);
    },
    { within: 60_000, every: 200 },
  );
  for (const role of ["doctor", "patient"] as const) {
    expect(seen[ids[role]], role).toEqual(new Set([server.account(role).name]));
    expect(wordErrorRate(spoken(voices[role]), finalText(heard, ids[role])), role).toBeLessThanOrEqual(0.05);
  }
});

it("ends for everyone, and the transcript is what the captions were", async () => {
  await doctor.page.click(testid("btn-leave"));
  await doctor.page.click(testid("btn-end-for-everyone"));
  const expected = heard
    .map(({ caption }) => caption)
    .filter(({ state }) => state === "final")
    .toSorted((a, b) => a.start_ms - b.start_ms);
  for (const { page } of [patient, doctor]) {
    await page.waitForURL(`**/consultations/${id}`);
    const entries = page.locator(testid("transcript-entry"));
    await until("the transcript", async () => (await entries.count()) > 0);
    const shown = await entries.evaluateAll((all) =>
      all.map((entry) => ({ text: entry.textContent, speaker: entry.getAttribute("data-speaker") })),
    );
    expect(shown).toEqual(
      expected.map(({ participant, text: said }) => ({
        text: said,
        speaker: server.account(participant === ids.doctor ? "doctor" : "patient").name,
      })),
    );
  }
});

it("leaves none of the spoken words readable in the database", () => {
  const bytes = databaseBytes();
  // The search itself works: what is not sealed is found.
  expect(bytes.includes("transcript.read"), "an action in the audit log").toBe(true);
  for (const role of ["doctor", "patient"] as const) {
    const { email, name } = server.account(role);
    expect(bytes.includes(email.toLowerCase()), `the ${role}'s address`).toBe(false);
    expect(bytes.includes(name.toLowerCase()), `the ${role}'s name`).toBe(false);
  }
  const said = words(`${spoken(voices.doctor)} ${spoken(voices.patient)}`);
  const secret = new Set(said.filter((word) => word.length >= 5 && !bytesBefore.includes(word)));
  expect(secret.size).toBeGreaterThan(20);
  for (const word of [...secret, "tuesday"]) expect(bytes.includes(word), `"${word}" is in the database`).toBe(false);
});

async function signIn(page: Page, account: Account): Promise<void> {
  await page.goto(`${server.url}/signin`);
  await page.getByLabel(session.email).fill(account.email);
  await page.getByLabel(session.password, { exact: true }).fill(account.password);
  await page.getByRole("button", { name: session.signIn, exact: true }).click();
  await page.waitForURL(`${server.url}/`);
}

const framesDecoded = (people: readonly Person[]): Promise<number[]> =>
  Promise.all(people.map(async (person) => Object.values((await person.received()).framesDecoded)[0] ?? 0));

const finals = (role: "doctor" | "patient"): ReceivedCaption[] =>
  heard.filter(({ caption }) => caption.participant === ids[role] && caption.state === "final");

/** Everything in the data folder but the keys, in lower case. */
function databaseBytes(): string {
  const folder = join(server.folder, "data");
  const files = readdirSync(folder).filter((name) => name.includes(".db"));
  expect(files).not.toHaveLength(0);
  return files.map((name) => readFileSync(join(folder, name), "latin1")).join("\n").toLowerCase();
}
