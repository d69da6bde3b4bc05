/** What the administrator searches: accounts, and the audit trail, which anybody can check. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Download, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { admin } from "../src/locales/en/admin";
import { trail } from "../src/locales/en/trail";
import { button, type Clinic, field, judge, openClinic, proveIdentity } from "./support/clinic";
import { downloadedBy } from "./support/download";
import { Person } from "./support/person";
import { BINARY } from "./support/server";
import { until } from "./support/until";

let clinic: Clinic;
beforeAll(async () => {
  clinic = await openClinic();
  const { server, maya, jonas } = clinic;
  const { user } = await new Person(jonas.page, server).api<{ user: { id: string } }>("GET", "/session");
  const doctor = new Person(maya.page, server);
  await doctor.signIn(maya);
  await doctor.ask("GET", `/patients/${user.id}`); // Refused.
  await doctor.api("POST", "/session/confirm", { password: maya.password });
  await doctor.api("POST", `/patients/${user.id}/break-glass`, { reason: "Found unconscious at home." });
});
afterAll(() => clinic?.close());

it("a name that is typed faster than a slow computer draws loses no letter", async () => {
  const { server, ruth } = clinic;
  const devtools = await ruth.page.context().newCDPSession(ruth.page);
  await ruth.page.goto(`${server.url}/admin/users`);
  const box = field(ruth.page, admin.usersSearch);
  await box.focus();
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 10 });
  const typed = "nobody of this name".split("").map((key) => devtools.send("Input.dispatchKeyEvent", { type: "keyDown", text: key, key }));
  await Promise.all(typed);
  await ruth.page.getByText(admin.usersEmptyTitle).waitFor();
  expect(await box.inputValue()).toBe("nobody of this name");
  expect(new URL(ruth.page.url()).searchParams.get("q")).toBe("nobody of this name");
  await devtools.detach();
});

it("the trail is narrowed by what was done, by whom, to whose data and how it ended", async () => {
  const { server, ruth, maya, jonas } = clinic;
  const page = ruth.page;
  await page.goto(`${server.url}/admin/audit`);
  await page.getByTestId("audit-row").first().waitFor();
  await page.getByText(trail.filters, { exact: true }).click();
  await judge(page, "audit");
  await field(page, trail.action).selectOption("break_glass.open");
  await until("the one emergency access", async () => (await rows(page)).length === 1);
  expect((await rows(page))[0]).toContain(`${maya.name} (Doctor) opened the record, data of ${jonas.name}, with emergency access.`);
  await button(page, trail.onlyBy(maya.name)).click();
  await field(page, trail.action).selectOption("");
  await field(page, trail.outcome).selectOption("denied");
  await until("what Maya was refused", async () => {
    const shown = await rows(page);
    return shown.length > 0 && shown.every((row) => row.startsWith(maya.name) && row.includes("(refused)"));
  });
  expect(await page.getByTestId("audit-sentence").textContent()).toContain(maya.name);
  await judge(page, "audit-filtered");
  await button(page, trail.reset).click();
  await field(page, trail.patient).fill("Jon");
  const found = page.locator("datalist option").filter({ hasText: jonas.name });
  await until("Jonas to be found", async () => (await found.count()) > 0);
  await field(page, trail.patient).fill((await found.getAttribute("value")) ?? "");
  await page.getByRole("group", { name: trail.patient }).getByText(jonas.name).waitFor();
  expect(await page.getByTestId("audit-sentence").textContent()).toContain(trail.dataOf(jonas.name));
  await page.reload();
  await page.getByText(trail.filters, { exact: true }).click();
  await page.getByRole("group", { name: trail.patient }).getByText(jonas.name).waitFor();
  await judge(page, "audit-person");
});

it("the trail proves one entry in the browser, and the proof holds on another machine", async () => {
  const { server, ruth } = clinic;
  const page = ruth.page;
  await page.goto(`${server.url}/admin/audit?period=all&action=break_glass.open`);
  await button(page, new RegExp(trail.proven)).first().click();
  await page.getByTestId("audit-proof").getByText(trail.proofGoodTitle).waitFor();
  await judge(page, "audit-proof");
  const file = await downloadedBy(page, () => button(page, trail.proofDownload).click());
  expect(await checked(file, (text) => text)).toBe(0);
  expect(await checked(file, (text) => text.replace("break_glass.open", "break_glass.end"))).toBe(1);
});

it("the trail is exported to a file that the command line checks, and one changed letter is found", async () => {
  const { server, ruth } = clinic;
  const page = ruth.page;
  await page.goto(`${server.url}/admin/audit?period=all`);
  server.forgetProofs();
  const file = await downloadedBy(page, async () => {
    await button(page, trail.exportJson).click();
    await proveIdentity(page, ruth.password);
  });
  expect(file.suggestedFilename()).toBe(trail.exportFile("ndjson"));
  expect(await checked(file, (text) => text)).toBe(0);
  expect(await checked(file, (text) => text.replace('"break_glass.open"', '"break_glass.end"'))).toBe(1);
  const csv = await downloadedBy(page, () => button(page, trail.exportCsv).click());
  const lines = readFileSync(await csv.path(), "utf8").trim().split("\n");
  expect(lines.filter((line) => line.includes("audit.export")), "both exports are in it").toHaveLength(2);
});

const rows = (page: Page) => page.getByTestId("audit-row").locator("p:first-child").allTextContents();

/** How `auscult audit check` ends, with nothing but the file, changed like this, and the public key. */
async function checked(file: Download, change: (text: string) => string): Promise<number | null> {
  const { server } = clinic;
  const copy = join(server.folder, "exported");
  writeFileSync(copy, change(readFileSync(await file.path(), "utf8")));
  const key = join(server.folder, "data", "checkpoints", "audit.pub");
  return spawnSync(BINARY, ["audit", "check", copy, "--key", key], { cwd: server.folder }).status;
}
