/** The administrator gives consultations to doctors. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { access } from "../src/locales/en/access";
import { admin } from "../src/locales/en/admin";
import { consultation } from "../src/locales/en/consultation";
import { Person } from "./support/person";
import { button, type Clinic, field, judge, openClinic } from "./support/clinic";

const COMPLAINT = "My heart races when I climb the stairs.";

let clinic: Clinic;
beforeAll(async () => {
  clinic = await openClinic();
});
afterAll(() => clinic?.close());

it("gives a consultation to a doctor without showing what it is about, and everybody is told", async () => {
  const { server, ruth, maya, jonas } = clinic;
  await field(jonas.page, consultation.reason).fill(COMPLAINT);
  await button(jonas.page, consultation.request).click();
  await jonas.page.getByText(consultation.waitingTitle.requested).waitFor();

  const { page } = ruth;
  await page.goto(`${server.url}/admin/consultations`);
  await button(page, admin.assignLabel(jonas.name)).click();
  const dialog = page.getByRole("dialog");
  const assign = dialog.getByRole("button", { name: admin.assign, exact: true });
  await assign.click();
  await dialog.getByRole("alert").getByText(admin.assignMissing).waitFor();
  const value = await dialog.locator("option", { hasText: maya.name }).getAttribute("value");
  await dialog.getByLabel(admin.assignDoctor).selectOption(value);
  await judge(page, "assign");
  await assign.click();
  await page.getByRole("main").getByText(new RegExp(`^${maya.name}`)).waitFor();
  await judge(page, "consultations");
  expect(await page.content()).not.toContain(COMPLAINT);

  await jonas.page.getByText(consultation.waitingTitle.accepted(maya.name)).waitFor();
  await maya.page.goto(server.url);
  await maya.page.getByText(COMPLAINT).waitFor();
  await button(maya.page, access.notices(1)).click();
  await maya.page.getByRole("menuitem", { name: new RegExp(access.noticeKinds.consultation_assigned) }).waitFor();

  await button(maya.page, consultation.start).waitFor({ state: "attached" });
  await maya.page.keyboard.press("Escape");
  await button(maya.page, consultation.start).click();
  await page.reload();
  await page.getByRole("main").getByText(consultation.states.active).waitFor();
  expect(await button(page, admin.assignLabel(jonas.name)).count(), "a call that goes on stays with its doctor").toBe(0);
});

it("gives a call that goes on to another doctor once its own is switched off", async () => {
  const { server, ruth, maya, jonas } = clinic;
  const administrator = new Person(ruth.page, server);
  await administrator.resume();
  const other = { role: "doctor", name: "Dr. Otto Lind", email: "otto@care.example", specialty: "" };
  await administrator.api("POST", "/admin/users", other);
  const people = await administrator.api<{ items: { id: string; email: string }[] }>("GET", "/admin/users");
  const mayas = people.items.find(({ email }) => email === maya.email)?.id;
  await administrator.api("POST", `/admin/users/${mayas}/deactivate`);

  const { page } = ruth;
  await page.goto(`${server.url}/admin/consultations`);
  await page.getByText(admin.deserted).waitFor();
  await judge(page, "deserted");
  await button(page, admin.assignLabel(jonas.name)).click();
  const dialog = page.getByRole("dialog");
  const value = await dialog.locator("option", { hasText: other.name }).getAttribute("value");
  await dialog.getByLabel(admin.assignDoctor).selectOption(value);
  await dialog.getByRole("button", { name: admin.assign, exact: true }).click();
  await page.getByRole("main").getByText(new RegExp(`^${other.name}`)).waitFor();
  await jonas.page.goto(server.url);
  await jonas.page.getByRole("main").getByText(new RegExp(other.name)).first().waitFor();
  expect(await jonas.page.getByRole("main").textContent()).not.toContain(maya.name);
});
