/** What an open page leaves in the audit log: an entry for what somebody looked at, not one for every few seconds. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { consultation } from "../src/locales/en/consultation";
import { type Clinic, openClinic } from "./support/clinic";
import { openConsultation, Person } from "./support/person";
import { until } from "./support/until";

const OPEN_FOR_MS = 10_000;

let clinic: Clinic;
beforeAll(async () => {
  clinic = await openClinic();
});
afterAll(() => clinic?.close());

it("a page that stays open asks again only when something has changed, and then at once", async () => {
  const { server, ruth, maya, jonas } = clinic;
  const [administrator, doctor, patient] = [ruth, maya, jonas].map(({ page }) => new Person(page, server)) as [Person, Person, Person];
  await Promise.all([administrator.resume(), doctor.resume(), patient.resume()]);
  const { id } = await openConsultation(doctor, patient);
  const idOf = async (person: Person) => (await person.api<{ user: { id: string } }>("GET", "/session")).user.id;
  const [patientId, doctorId] = [await idOf(patient), await idOf(doctor)];
  const entries = async (query: string) =>
    (await administrator.api<{ items: unknown[] }>("GET", `/admin/audit?limit=200&${query}`)).items.length;
  const reads = () => entries(`action=consultation.read&actor=${patientId}`);
  const lists = () => entries(`action=consultation.list&actor=${doctorId}`);

  await Promise.all([maya, jonas].map(({ page }) => page.goto("about:blank")));
  const before = { reads: await reads(), lists: await lists() };
  await jonas.page.goto(`${server.url}/consultations/${id}`);
  await maya.page.goto(server.url);
  await jonas.page.getByRole("link", { name: consultation.join }).waitFor();
  await maya.page.getByText(jonas.name).first().waitFor();
  await jonas.page.waitForTimeout(OPEN_FOR_MS);
  expect({ reads: await reads(), lists: await lists() }).toEqual({ reads: before.reads + 1, lists: before.lists + 1 });

  await doctor.api("POST", `/consultations/${id}/end`);
  const ended = Date.now();
  await until("the patient to be told", () => jonas.page.getByText(consultation.summaryTitle).first().isVisible(), { within: 3_000 });
  expect(Date.now() - ended).toBeLessThan(1_500);
  expect(await reads()).toBe(before.reads + 2);
});
