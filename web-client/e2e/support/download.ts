/** Files that a page hands out. */
import type { Download, Page } from "playwright-core";

/** What the page saves because of `press`. Both are waited for together: when one fails, the other cannot fail later,
 *  unhandled, beside another test. */
export async function downloadedBy(page: Page, press: () => Promise<void>): Promise<Download> {
  const [file] = await Promise.all([page.waitForEvent("download"), press()]);
  return file;
}
