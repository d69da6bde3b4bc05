import { afterAll, beforeAll, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { testid } from "./support/tab";
import { until } from "./support/until";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ env: { AUSCULT_HTTP__DRAIN_S: "8" } });
  await joinBoth(scene, { captions: false });
});
afterAll(() => scene?.close());

const banner = () =>
  scene.patient.person.tab.evaluate(
    (selector) => document.querySelector<HTMLElement>(selector)?.innerText ?? "",
    testid("connection-banner"),
  );

it("tells people in a call that the server will restart, goes on with it, and brings them back", async () => {
  const { doctor, patient, server } = scene;
  const stopped = server.end("SIGTERM");
  await until("the banner", async () => (await banner()).includes("The server will restart within a minute"));
  const before = await patient.person.received();
  await until("the call to go on", async () => {
    const { audioPackets } = await patient.person.received();
    return audioPackets > before.audioPackets + 100;
  });
  await stopped;
  await server.launch();
  await Promise.all([doctor.person.inCall(), patient.person.inCall()]);
  await Promise.all([doctor.person.sees(1), patient.person.sees(1)]);
  await until("the banner to go", async () => (await banner()) === "");
  await until("sound from the new process", async () => (await patient.person.received()).audioPackets > 10);
});
