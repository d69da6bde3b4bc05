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

it("keeps every caption that was shown as final when the process is killed", async () => {
  const { patient, server } = scene;
  const shown = new Set<string>();
  await until(
    "five final captions",
    async () => {
      for (const caption of await patient.person.captionsOnScreen()) {
        if (caption.state === "final") shown.add(caption.words);
      }
      return shown.size >= 5;
    },
    { within: 60_000, every: 20 },
  );
  await server.end("SIGKILL");
  await server.launch();

  const kept = (await transcript()).map((entry) => entry.text);
  for (const text of shown) expect(kept).toContain(text);
});

it("brings both back into the call after the restart", async () => {
  const { doctor, patient } = scene;
  await Promise.all([doctor.person.inCall(), patient.person.inCall()]);
  const took = await Promise.all([doctor.person.sees(1), patient.person.sees(1)]);
  expect(Math.max(...took)).toBeLessThan(20_000);
});
