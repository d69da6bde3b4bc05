/** Real browsers with fake cameras and spoken files as microphones. */
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { watchPage } from "./evidence";

const CHROMIUM = process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium";

export interface BrowserOptions {
  /** WAV file that the microphone plays; without one it beeps. */
  microphone?: string;
  /** MJPEG file that the camera shows; without one it shows a test picture. */
  camera?: string;
  /** Refuse camera and microphone. */
  denyDevices?: boolean;
  viewport?: { width: number; height: number };
}

export interface OpenBrowser {
  browser: Browser;
  context: BrowserContext;
  page: Page;
}

/** A browser process of its own: Chromium takes one microphone file per process. */
export async function openChromium(options: BrowserOptions = {}): Promise<OpenBrowser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--autoplay-policy=no-user-gesture-required",
      "--use-fake-device-for-media-stream",
      options.denyDevices ? "--deny-permission-prompts" : "--use-fake-ui-for-media-stream",
      ...(options.microphone ? [`--use-file-for-fake-audio-capture=${options.microphone}`] : []),
      ...(options.camera ? [`--use-file-for-fake-video-capture=${options.camera}`] : []),
    ],
  });
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    permissions: options.denyDevices ? [] : ["camera", "microphone"],
    viewport: options.viewport ?? { width: 1280, height: 800 },
  });
  const page = await context.newPage();
  watchPage(page);
  return { browser, context, page };
}
