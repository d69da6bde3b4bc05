/** Takes the README's picture: a real call with captions, drawn people in place of cameras. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { openChromium } from "./support/browser";
import { joinBoth, openScene } from "./support/call";
import { testid } from "./support/tab";

const PICTURES = fileURLToPath(new URL("pictures/", import.meta.url));
const SCREENSHOT = fileURLToPath(new URL("../../docs/screenshot-call.png", import.meta.url));

/** A camera file that shows a drawing. */
async function camera(name: string, folder: string): Promise<string> {
  const { browser, page } = await openChromium({ viewport: { width: 1280, height: 720 } });
  await page.goto(`file://${PICTURES}${name}.svg`);
  const [still, film] = [join(folder, `${name}.png`), join(folder, `${name}.mjpeg`)];
  await page.screenshot({ path: still });
  await browser.close();
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", "-loop", "1", "-i", still, "-r", "20", "-t", "2", "-pix_fmt", "yuvj420p", "-q:v", "2", film]);
  return film;
}

it("docs/screenshot-call.png", async () => {
  const folder = mkdtempSync(join(tmpdir(), "auscult-cameras-"));
  const cameras = { doctor: await camera("doctor", folder), patient: await camera("patient", folder) };
  const scene = await openScene({ cameras });
  try {
    await joinBoth(scene);
    const { page } = scene.patient;
    const finals = page.locator(`${testid("caption-line")}[data-state="final"]`);
    await expect.poll(() => finals.count(), { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
    await page.screenshot({ path: SCREENSHOT });
  } finally {
    await scene.close();
    rmSync(folder, { recursive: true });
  }
});
