import { afterAll, beforeAll, expect, it } from "vitest";
import { type OpenBrowser, openChromium } from "./support/browser";
import { Server } from "./support/server";

let server: Server;
let open: OpenBrowser;
beforeAll(async () => {
  [server, open] = await Promise.all([Server.start(), openChromium({ viewport: { width: 1280, height: 1000 } })]);
});
afterAll(() => Promise.all([open?.browser.close(), server?.stop()]));

it("shows the description of the API, and tries it, under the same strict policy as every page", async () => {
  const { page } = open;
  const refused: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") refused.push(message.text());
  });
  const response = await page.goto(`${server.named}/docs/`);
  expect(response?.headers()["content-security-policy"]).toContain("script-src 'self';");
  await page.getByRole("heading", { name: /^Auscult/ }).waitFor();
  const route = page.locator("#operations-signing_in-policy");
  await route.getByRole("button").first().click();
  await route.getByRole("button", { name: "Execute" }).click();
  await route.getByText('"registration": true').first().waitFor();
  expect(refused).toEqual([]);
});
