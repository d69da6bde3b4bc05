import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, type Member, openScene, type Scene } from "./support/call";
import { until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ dialogue: "d02" });
  await joinBoth(scene);
});
afterAll(() => scene?.close());

interface Entry {
  kind: string;
  state: string;
  text: string;
}

const transcript = async (): Promise<Entry[]> =>
  (await scene.patient.person.api<{ entries: Entry[] }>("GET", `/consultations/${scene.consultation}/transcript`)).entries;

/** The texts of `count` captions that the patient's screen showed as final from now on. */
async function finalsShown(count: number): Promise<Set<string>> {
  const shown = new Set<string>();
  await until(
    `${count} final captions`,
    async () => {
      for (const caption of await scene.patient.person.captionsOnScreen()) {
        if (caption.state === "final") shown.add(caption.words);
      }
      return shown.size >= count;
    },
    { within: 60_000, every: 20 },
  );
  return shown;
}

/** Remembers the peer connection that is there now. */
const keepConnection = ({ person }: Member) =>
  person.tab.evaluate(() => {
    const root = document.querySelector<Element & { peerConnection?: RTCPeerConnection }>('[data-testid="call-root"]');
    Object.assign(window, { keptConnection: root?.peerConnection });
  });

/** Sound and picture arrive over another peer connection than the one that was remembered. */
async function isBack({ person }: Member): Promise<boolean> {
  const isNew = await person.tab.evaluate(() => {
    const root = document.querySelector<Element & { peerConnection?: RTCPeerConnection }>('[data-testid="call-root"]');
    const { keptConnection } = window as { keptConnection?: RTCPeerConnection };
    return root?.peerConnection !== undefined && root.peerConnection !== keptConnection;
  });
  const { audioPackets, framesDecoded } = await person.received();
  return isNew && audioPackets > 10 && Object.keys(framesDecoded).length > 0;
}

it.each(["SIGKILL", "SIGTERM"] as const)("keeps every caption that was shown as final over a %s", async (signal) => {
  const { doctor, patient, server } = scene;
  const shown = await finalsShown(3);
  await Promise.all([doctor, patient].map(keepConnection));
  await server.end(signal);
  await server.launch();
  const ready = Date.now();
  await until("both to be back", async () => (await isBack(doctor)) && (await isBack(patient)));
  const took = Date.now() - ready;
  expect(took).toBeLessThan(5_000);

  const kept = (await transcript()).map((entry) => entry.text);
  for (const text of shown) expect(kept).toContain(text);
});
