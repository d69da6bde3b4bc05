/** A clinic that wants a second factor of its doctors leads them there. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { access } from "../src/locales/en/access";
import { consultation } from "../src/locales/en/consultation";
import { frame } from "../src/locales/en/frame";
import { session } from "../src/locales/en/session";
import { settings } from "../src/locales/en/settings";
import { type OpenBrowser, openChromium } from "./support/browser";
import { button, field, heading, judge, typePassword } from "./support/clinic";
import { downloadedBy } from "./support/download";
import { Person } from "./support/person";
import { type Account, Server } from "./support/server";
import { codeOf } from "./support/totp";

let server: Server;
let open: OpenBrowser;
let doctor: Account;
beforeAll(async () => {
  const env = { AUSCULT_ACCOUNTS__SECOND_FACTOR_ROLES: '["doctor"]' };
  [server, open] = await Promise.all([Server.start({ env }), openChromium()]);
  doctor = server.account("doctor");
});
afterAll(() => Promise.all([open?.browser.close(), server?.stop()]));

it("a doctor without one sets an authenticator app up before anything else, keeps the codes, and works", async () => {
  const { page } = open;
  await typePassword(server, page, doctor.email, doctor.password);
  await button(page, frame.account(doctor.name)).waitFor();
  await page.getByText(access.enrolTitle, { exact: true }).waitFor();
  await judge(page, "factor-wanted");
  const person = new Person(page, server);
  await person.resume();
  expect((await person.ask("GET", "/patients")).status, "nothing before it").toBe(403);

  await page.getByRole("link", { name: access.enrolOpen }).click();
  await page.waitForURL("**/settings/security");
  await button(page, settings.totpStart).click();
  const secret = (await page.locator("code").first().innerText()).replaceAll(" ", "");
  await field(page, session.code).fill(codeOf(secret));
  await button(page, settings.totpConfirm).click();
  await heading(page, settings.recoveryTitle).waitFor();
  await judge(page, "factor-codes");
  const saved = await downloadedBy(page, () => button(page, settings.recoveryDownload).click());
  expect(saved.suggestedFilename()).toMatch(/\.txt$/);
  await button(page, settings.recoveryKept).click();
  await page.getByText(settings.recoveryLeft(10)).waitFor();

  await page.goto(server.url);
  await heading(page, consultation.queue).waitFor();
  expect(await page.getByText(access.enrolTitle, { exact: true }).count()).toBe(0);
  expect((await person.ask("GET", "/patients")).status).toBe(200);
  await judge(page, "factor-done");

  // And from then on the code is asked for.
  await open.context.clearCookies();
  await typePassword(server, page, doctor.email, doctor.password);
  await field(page, session.code).fill(codeOf(secret, 1));
  await button(page, session.secondSubmit).click();
  await button(page, frame.account(doctor.name)).waitFor();
});
