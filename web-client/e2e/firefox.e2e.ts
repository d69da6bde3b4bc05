import { launch, type Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openScene, type Scene } from "./support/call";
import { Person } from "./support/person";
import { until } from "./support/until";

const FIREFOX = process.env["FIREFOX_BIN"] ?? "/usr/bin/firefox-esr";

let scene: Scene;
let firefox: Browser;
beforeAll(async () => {
  [scene, firefox] = await Promise.all([
    // Firefox does not pair its interfaces with a server on the loopback address unless the server checks too.
    openScene({ env: { AUSCULT_MEDIA__ICE_LITE: "false" } }),
    launch({
      browser: "firefox",
      executablePath: FIREFOX,
      headless: true,
      acceptInsecureCerts: true,
      extraPrefsFirefox: {
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": true,
        "media.autoplay.default": 0,
        "media.autoplay.blocking_policy": 0,
        "media.peerconnection.ice.loopback": true,
        "media.peerconnection.ice.obfuscate_host_addresses": false,
      },
    }),
  ]);
});
afterAll(() => Promise.all([scene?.close(), firefox?.close()]));

it("joins a patient in Firefox with a doctor in Chromium", async () => {
  const { doctor, server, consultation } = scene;
  const page = await firefox.newPage();
  await page.evaluateOnNewDocument(waitForCandidates);
  const patient = new Person(page, server);
  await patient.signIn(server.account("patient"));
  await Promise.all([
    doctor.person.enterLobby(consultation).then(() => doctor.person.join()),
    patient.enterLobby(consultation).then(() => patient.join()),
  ]);
  await Promise.all([doctor.person.sees(1), patient.sees(1)]);
  const before = [await doctor.person.received(), await patient.received()];
  await until("pictures and sound to go on in both directions", async () => {
    const after = [await doctor.person.received(), await patient.received()];
    return after.every((received, i) => {
      const [camera] = Object.keys(received.framesDecoded);
      const grown = camera !== undefined && (received.framesDecoded[camera] ?? 0) > (before[i]?.framesDecoded[camera] ?? 0) + 30;
      return grown && received.audioEnergy > (before[i]?.audioEnergy ?? 0);
    });
  });
  expect(scene.patient.id).not.toBe(doctor.id);
});

/**
 * Holds every offer back until it lists the browser's addresses, which the server then checks. Firefox has none on the
 * loopback interface to check from, so without them in the offer it depends on timing whether the two ever meet.
 */
function waitForCandidates(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its own connection below
  const { setLocalDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setLocalDescription = async function wait(this: RTCPeerConnection, ...args: unknown[]) {
    await Reflect.apply(setLocalDescription, this, args);
    while (this.iceGatheringState !== "complete") {
      await new Promise((resolve) => this.addEventListener("icegatheringstatechange", resolve, { once: true }));
    }
  };
}
