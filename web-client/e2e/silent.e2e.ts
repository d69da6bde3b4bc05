import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ env: { AUSCULT_MEDIA__SILENT_AFTER_S: "3" } });
  await joinBoth(scene, { captions: false });
});
afterAll(() => scene?.close());

const heard = async () => (await scene.patient.person.received()).audioPackets;

/** As when another app or a headset takes the microphone away: the page is not told, nothing is sent any more. */
it("takes a microphone back that was taken away underneath", async () => {
  const { doctor } = scene;
  await until("the doctor to be heard", async () => (await heard()) > 50);
  await doctor.person.tab.evaluate(() => {
    const root = document.querySelector<Element & { peerConnection?: RTCPeerConnection }>('[data-testid="call-root"]');
    for (const { track } of root?.peerConnection?.getSenders() ?? []) if (track?.kind === "audio") track.stop();
  });
  const stopped = Date.now();
  let last = -1;
  await until("the sound to stop", async () => {
    const now = await heard();
    const stands = now === last;
    last = now;
    return stands;
  }, { every: 1_000 });
  await until("the sound to come back", async () => (await heard()) > last + 100, { within: 20_000 });
  const took = Date.now() - stopped;
  expect(took).toBeLessThan(15_000);
});
