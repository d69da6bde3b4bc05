/** What a failed test leaves behind in `test-results/`: a picture of every open page, its console, the servers' logs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterEach } from "vitest";

const FOLDER = fileURLToPath(new URL("../../../test-results/", import.meta.url));
const pages = new Map<Page, string[]>();
const logs: (() => string)[] = [];

export function watchPage(page: Page): void {
  const lines: string[] = [];
  pages.set(page, lines);
  page.on("console", (message) => lines.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => lines.push(`uncaught: ${error.message}`));
  page.on("close", () => pages.delete(page));
}

export function watchLog(log: () => string): void {
  logs.push(log);
}

afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  const name = `${FOLDER}${task.name.replaceAll(/\W+/g, "-").slice(0, 60)}`;
  mkdirSync(FOLDER, { recursive: true });
  for (const [i, [page, lines]] of [...pages].entries()) {
    // A page that hangs must not hide the failure that it caused.
    await page.screenshot({ path: `${name}-${i}.png`, timeout: 3_000 }).catch(() => undefined);
    writeFileSync(`${name}-${i}.txt`, [page.url(), ...lines].join("\n"));
  }
  for (const [i, log] of logs.entries()) writeFileSync(`${name}-server-${i}.txt`, log());
});
