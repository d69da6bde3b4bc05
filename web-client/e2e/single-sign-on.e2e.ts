import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { addAuthenticator } from "./support/authenticator";
import { violations } from "./support/axe";
import { type OpenBrowser, openChromium } from "./support/browser";
import { downloadedBy } from "./support/download";
import { look } from "./support/look";
import { Provider } from "./support/provider";
import { Server } from "./support/server";
import { frame } from "../src/locales/en/frame";
import { session } from "../src/locales/en/session";
import { settings } from "../src/locales/en/settings";

let provider: Provider;
let server: Server;
let open: OpenBrowser;
let page: Page;
beforeAll(async () => {
  provider = await Provider.start();
  [server, open] = await Promise.all([
    Server.start({ env: { AUSCULT_OIDC__PROVIDERS: provider.configuration } }),
    openChromium(),
  ]);
  page = open.page;
  await addAuthenticator(page);
});
afterAll(() => Promise.all([open?.browser.close(), server?.stop(), provider?.stop()]));
beforeEach(async () => {
  await open.context.clearCookies();
  await page.goto(`${server.named}/signin`);
});

const leave = () => page.getByRole("link", { name: session.provider("Hospital account") }).click();

it("brings somebody new in by their account elsewhere, and keeps them signed in", async () => {
  await leave();
  await page.getByRole("link", { name: "Continue as Ada" }).click();
  await page.waitForURL(`${server.named}/`);
  // The session's cookie is SameSite=Strict: the way back from another site does not send it, what the page asks does.
  await page.getByRole("button", { name: /Ada Winter/ }).waitFor();
  const cookies = await open.context.cookies();
  expect(cookies.map(({ name, sameSite }) => `${name} ${sameSite}`)).toEqual(["__Host-auscult_session Strict"]);
  await page.reload();
  await page.getByRole("button", { name: /Ada Winter/ }).click();
  await page.getByRole("menuitem", { name: frame.signOut }).click();
  await page.goto(`${server.named}/signin`);
  await page.getByRole("heading", { name: session.signInTitle }).waitFor();
});

it("proves once more who somebody without a password is, and so does a passkey", async () => {
  await leave();
  await page.getByRole("link", { name: "Continue as Ada" }).click();
  await page.getByRole("button", { name: /Ada Winter/ }).waitFor();
  await page.goto(`${server.named}/settings/privacy`);
  const ask = page.getByRole("button", { name: settings.export, exact: true });
  const dialog = page.getByRole("dialog", { name: settings.confirmTitle });
  const elsewhere = dialog.getByRole("button", { name: settings.confirmElsewhere("Hospital account") });

  server.forgetProofs();
  await ask.click();
  await elsewhere.waitFor();
  await look(page, "confirm-without-password");
  expect(await violations(page)).toEqual([]);
  await elsewhere.click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.waitForURL(`${server.named}/settings/security?error=cancelled`);
  await page.getByRole("alert").getByText(settings.confirmRefusals.cancelled).waitFor();
  await look(page, "confirm-refused");
  expect(await violations(page)).toEqual([]);

  await page.goto(`${server.named}/settings/privacy`);
  await ask.click();
  await elsewhere.click();
  await page.getByRole("link", { name: "Continue as Ada" }).click();
  await page.waitForURL(`${server.named}/settings/privacy`);
  await page.getByText(settings.confirmedElsewhere).first().waitFor();
  await downloadedBy(page, () => ask.click());

  await page.goto(`${server.named}/settings/security`);
  await page.getByRole("button", { name: settings.passkeyAdd }).click();
  await page.getByLabel(settings.passkeyLabel).fill("Phone");
  await page.getByRole("button", { name: settings.passkeyCreate }).click();
  await page.getByText(settings.passkeyAdded).first().waitFor();
  server.forgetProofs();
  await page.getByRole("button", { name: settings.passkeyRemoveLabel("Phone") }).click();
  await page.getByRole("dialog").getByRole("button", { name: settings.passkeyRemove, exact: true }).click();
  await dialog.getByRole("button", { name: session.passkey }).click();
  await page.getByText(settings.passkeysEmpty).waitFor();
});

it("is unlinked in the settings, unless it is the only way in", async () => {
  await leave();
  await page.getByRole("link", { name: "Continue as Ada" }).click();
  await page.getByRole("button", { name: /Ada Winter/ }).waitFor();
  await page.goto(`${server.named}/settings/security`);
  const unlink = page.getByRole("button", { name: settings.providerUnlinkLabel("Hospital account") });
  await unlink.click();
  const dialog = page.getByRole("dialog", { name: settings.providerUnlinkTitle("Hospital account") });
  await dialog.getByRole("button", { name: settings.providerUnlink, exact: true }).click();
  await dialog.getByRole("alert").getByText(settings.providerOnlyWay.title).waitFor();
  await look(page, "unlink-refused");
  await dialog.getByRole("button", { name: settings.providerKeep }).click();

  await page.getByRole("button", { name: settings.passkeyAdd }).click();
  await page.getByLabel(settings.passkeyLabel).fill("Laptop");
  await page.getByRole("button", { name: settings.passkeyCreate }).click();
  await page.getByText(settings.passkeyAdded).first().waitFor();
  await look(page, "security-linked");
  expect(await violations(page)).toEqual([]);
  await unlink.click();
  await dialog.getByRole("button", { name: settings.providerUnlink, exact: true }).click();
  await unlink.waitFor({ state: "detached" });

  await open.context.clearCookies();
  await page.goto(`${server.named}/signin`);
  await leave();
  await page.getByRole("link", { name: "Continue as Ada" }).click();
  await page.waitForURL(`${server.named}/signin?error=account_exists`);
});

it("says so when the person stops there", async () => {
  await leave();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.waitForURL(`${server.named}/signin?error=cancelled`);
  await expect.poll(() => page.getByRole("alert").innerText()).toContain(session.ssoErrors.cancelled);
  expect(await open.context.cookies()).toEqual([]);
});

it("says so when the provider does not answer", async () => {
  await provider.stop();
  // Its description is kept for an hour: a new start of the server asks for it.
  await server.end("SIGTERM");
  await server.launch();
  await page.reload();
  await leave();
  await page.waitForURL(`${server.named}/signin?error=provider_down`);
  await expect.poll(() => page.getByRole("alert").innerText()).toContain(session.ssoErrors.provider_down);
});
