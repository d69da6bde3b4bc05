import type { CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addAuthenticator } from "./support/authenticator";
import { type OpenBrowser, openChromium } from "./support/browser";
import { look } from "./support/look";
import { type Account, Server } from "./support/server";
import { errors } from "../src/locales/en/errors";
import { session } from "../src/locales/en/session";
import { settings } from "../src/locales/en/settings";

let server: Server;
let open: OpenBrowser;
let page: Page;
let devtools: CDPSession;
let authenticator: string;
let account: Account;
beforeAll(async () => {
  [server, open] = await Promise.all([Server.start(), openChromium()]);
  page = open.page;
  account = server.account("patient");
  ({ devtools, id: authenticator } = await addAuthenticator(page));
});
afterAll(() => Promise.all([open?.browser.close(), server?.stop()]));

async function startOver(): Promise<void> {
  await open.context.clearCookies();
  await page.goto(`${server.named}/signin`);
}

async function typePassword(): Promise<void> {
  await page.getByLabel(session.email).fill(account.email);
  await page.getByLabel(session.password, { exact: true }).fill(account.password);
  await page.getByRole("button", { name: session.signIn, exact: true }).click();
}

/** What the server says was proved. */
async function secondFactor(): Promise<string> {
  const view = await page.evaluate(async () => {
    const response = await fetch("/api/v1/session");
    return (await response.json()) as { second_factor: string };
  });
  return view.second_factor;
}

const signedIn = () => page.getByRole("button", { name: new RegExp(account.name) }).waitFor();
const passkeyButton = () => page.getByRole("button", { name: session.passkey });

it("is made in the settings and signs in by itself", async () => {
  await startOver();
  await typePassword();
  await signedIn();
  await page.goto(`${server.named}/settings/security`);
  await page.getByRole("button", { name: settings.passkeyAdd }).click();
  await page.getByLabel(settings.passkeyLabel).fill("Work laptop");
  await page.getByRole("button", { name: settings.passkeyCreate }).click();
  await page.getByText("Work laptop", { exact: true }).waitFor();
  const { credentials } = await devtools.send("WebAuthn.getCredentials", { authenticatorId: authenticator });
  expect(credentials.map(({ rpId, isResidentCredential }) => [rpId, isResidentCredential])).toEqual([["localhost", true]]);

  await startOver();
  await passkeyButton().click();
  await signedIn();
  expect(await secondFactor()).toBe("passkey");
});

it("is the second step after the password", async () => {
  await startOver();
  await typePassword();
  await page.getByRole("heading", { name: session.secondTitle }).waitFor();
  await passkeyButton().click();
  await signedIn();
  expect(await secondFactor()).toBe("passkey");
});

it("is refused when nobody shows to be there, in words", async () => {
  await devtools.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified: false });
  await startOver();
  await passkeyButton().click();
  await expect.poll(() => page.getByRole("alert").innerText(), { timeout: 90_000 }).toContain(errors.passkey_cancelled.title);
  await devtools.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified: true });
});

it("stops working when it is removed", async () => {
  await startOver();
  await passkeyButton().click();
  await signedIn();
  await page.goto(`${server.named}/settings/security`);
  server.forgetProofs();
  await page.getByRole("button", { name: settings.passkeyRemoveLabel("Work laptop") }).click();
  await page.getByRole("dialog").getByRole("button", { name: settings.passkeyRemove }).click();
  // It proves once more whose account this is, beside the password.
  const dialog = page.getByRole("dialog", { name: settings.confirmTitle });
  await dialog.getByLabel(settings.confirmPassword).waitFor();
  await look(page, "confirm");
  await dialog.getByRole("button", { name: session.passkey }).click();
  await page.getByText(settings.passkeysEmpty).waitFor();
  await startOver();
  await passkeyButton().click();
  await expect.poll(() => page.getByRole("alert").innerText(), { timeout: 20_000 }).toContain(errors.passkey_refused.title);
});
