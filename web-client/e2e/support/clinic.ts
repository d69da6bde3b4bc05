/** A clinic of four people, each in a browser of their own: Jonas is its patient, Maya its doctor, Ruth runs it, and
 *  Dora has not signed up yet. */
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { frame } from "../../src/locales/en/frame";
import { session } from "../../src/locales/en/session";
import { settings } from "../../src/locales/en/settings";
import { violations } from "./axe";
import { openChromium } from "./browser";
import { watchPage } from "./evidence";
import { look } from "./look";
import { MailServer } from "./mail";
import { Person } from "./person";
import { type Account, Server } from "./server";

const RUTH = { name: "Ruth Root", email: "ruth@care.example", password: "rain over nine chimneys" };
const DORA = { name: "Dr. Dora Stone", email: "dora@care.example", password: "nineteen quiet lamps" };

interface Somebody extends Account {
  page: Page;
}

export interface Clinic {
  server: Server;
  mail: MailServer;
  ruth: Somebody;
  maya: Somebody;
  jonas: Somebody;
  dora: Somebody;
  /** Cookies of its own: as good as another person's computer. */
  otherBrowser: () => Promise<Page>;
  close: () => Promise<void>;
}

/** Everybody but Dora has signed in. */
export async function openClinic(): Promise<Clinic> {
  const mail = await MailServer.start();
  // A checkpoint after each second: proofs, and what the server notices by itself, need no minute.
  const env = { AUSCULT_AUDIT__CHECKPOINT_INTERVAL_S: "1" };
  const [server, { browser }] = await Promise.all([Server.start({ mail, env }), openChromium()]);
  const otherBrowser = async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, permissions: ["camera", "microphone"] });
    const page = await context.newPage();
    watchPage(page);
    return page;
  };
  const somebody = async (account: Account) => ({ ...account, page: await otherBrowser() });
  const clinic = {
    server,
    mail,
    ruth: await somebody(RUTH),
    maya: await somebody(server.account("doctor")),
    jonas: await somebody(server.account("patient")),
    dora: await somebody(DORA),
    otherBrowser,
    close: async () => {
      await browser.close();
      await server.stop();
      mail.stop();
    },
  };
  const { page } = clinic.ruth;
  const secret = (await server.setupLink()).split("#")[1];
  await page.goto(server.url);
  await new Person(page, server).api("POST", "/bootstrap", { secret, ...RUTH });
  await Promise.all([clinic.ruth, clinic.maya, clinic.jonas].map((each) => signIn(server, each)));
  return clinic;
}

export const button = (on: Page, name: string | RegExp) => on.getByRole("button", { name, exact: true });
export const field = (on: Page, label: string) => on.getByLabel(label, { exact: true });
export const heading = (on: Page, name: string) => on.getByRole("heading", { name, exact: true });

export async function typePassword(server: Server, on: Page, email: string, password: string): Promise<void> {
  await on.goto(`${server.url}/signin`);
  await field(on, session.email).fill(email);
  await field(on, session.password).fill(password);
  await button(on, session.signIn).click();
}

export async function signIn(server: Server, { page, email, password, name }: Somebody): Promise<void> {
  await typePassword(server, page, email, password);
  await button(page, frame.account(name)).waitFor();
}

/** In the dialog that asks who it is before a dangerous step. */
export async function proveIdentity(on: Page, password: string): Promise<void> {
  const dialog = on.getByRole("dialog", { name: settings.confirmTitle });
  await dialog.getByLabel(settings.confirmPassword, { exact: true }).fill(password);
  await dialog.getByRole("button", { name: settings.confirm, exact: true }).click();
}

/** Draws the page for people, and lets the machine judge what it can. */
export async function judge(on: Page, name: string): Promise<void> {
  await look(on, name);
  expect(await violations(on), name).toEqual([]);
}
