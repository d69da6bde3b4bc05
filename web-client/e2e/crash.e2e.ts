import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
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

it.each(["SIGKILL", "SIGTERM"] as const)("keeps every caption that was shown as final over a %s", async (signal) => {
  const { doctor, patient, server } = scene;
  const shown = await finalsShown(3);
  await server.end(signal);
  await server.launch();
  const kept = (await transcript()).map((entry) => entry.text);
  for (const text of shown) expect(kept).toContain(text);

  // Both come back by themselves.
  await Promise.all([doctor.person.inCall(), patient.person.inCall()]);
  const took = await Promise.all([doctor.person.sees(1), patient.person.sees(1)]);
  expect(Math.max(...took)).toBeLessThan(20_000);
});
