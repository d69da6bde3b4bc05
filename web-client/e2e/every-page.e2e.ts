/** Every page that has no other row here (accessibility.e2e.ts), narrow and wide, light and dark. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { violations } from "./support/axe";
import { type Clinic, openClinic, signIn } from "./support/clinic";
import { look } from "./support/look";
import { Person } from "./support/person";

const PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let clinic: Clinic;
let stranger: Page;
/** What stands for `:…` in the addresses. */
const ids: Record<string, string> = {};
beforeAll(async () => {
  clinic = await openClinic();
  const { server, mail, ruth, maya, jonas, dora } = clinic;
  stranger = await clinic.otherBrowser();
  const [administrator, doctor, patient, applicant] = [ruth, maya, jonas, dora].map(({ page }) => new Person(page, server)) as [Person, Person, Person, Person];
  await Promise.all([administrator.resume(), doctor.resume(), patient.resume()]);
  await dora.page.goto(server.url);
  const { name, email, password } = dora;
  await applicant.api("POST", "/registrations", { role: "doctor", name, email, password, specialty: "Cardiology" });
  const token = (await mail.link(email, "/verify-email")).split("#")[1];
  await applicant.api("POST", "/email-verification", { token });
  await signIn(server, dora);
  ids["verification"] = await handIn(dora.page);
  ids["patient"] = (await patient.api<{ user: { id: string } }>("GET", "/session")).user.id;
  await doctor.api("POST", "/session/confirm", { password: maya.password });
  await doctor.api("POST", `/patients/${ids["patient"]}/break-glass`, { reason: "Found unconscious at home." });
  await patient.api("POST", "/consultations", { reason: "My knee hurts", specialty: "" });
});
afterAll(() => clinic?.close());

/** A licence that waits for an administrator; gives its id. */
function handIn(page: Page): Promise<string> {
  return page.evaluate(async (picture) => {
    const session = (await (await fetch("/api/v1/session")).json()) as { csrf_token: string };
    const body = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    const headers = { "X-CSRF-Token": session.csrf_token };
    const response = await fetch("/api/v1/account/verification", { method: "POST", headers, body });
    return ((await response.json()) as { id: string }).id;
  }, PICTURE);
}

const PAGES = [
  ["stranger", "/"],
  ["stranger", "/no/such/page"],
  ["stranger", "/verify-email"],
  ["stranger", "/verify-email#used"],
  ["stranger", "/check-mail"],
  ["jonas", "/"],
  ["jonas", "/settings/privacy"],
  ["dora", "/"],
  ["dora", "/application"],
  ["maya", "/"],
  ["maya", "/patients"],
  ["maya", "/patients/:patient"],
  ["ruth", "/"],
  ["ruth", "/admin/users"],
  ["ruth", "/admin/users/new"],
  ["ruth", "/admin/users/:patient"],
  ["ruth", "/admin/consultations"],
  ["ruth", "/admin/verifications"],
  ["ruth", "/admin/verifications/:verification"],
  ["ruth", "/admin/emergency-access"],
  ["ruth", "/admin/audit"],
  ["ruth", "/admin/security"],
] as const;

describe.each(PAGES)("%s at %s", (who, path) => {
  it("has no accessibility violation and fits its width", async () => {
    const page = who === "stranger" ? stranger : clinic[who].page;
    await page.goto(clinic.server.url + path.replace(/:(\w+)/, (_, name: string) => ids[name] ?? name));
    await page.locator("h1").first().waitFor({ state: "attached" });
    await page.waitForLoadState("networkidle").catch(() => undefined); // The event stream stays open.
    await look(page, `page-${who}${path.replaceAll(/\W/g, "-")}`);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [390, 1440]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await violations(page), `${width} ${colorScheme}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), `${width} ${colorScheme}`).toBeLessThanOrEqual(width);
      }
    }
  }, 60_000);
});
