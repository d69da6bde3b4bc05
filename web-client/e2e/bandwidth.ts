/** A viewer behind a poor network: the picture follows what a bottleneck carries, its decoder never stumbles, and the
 *  sound goes on, also where packets are lost and overtake one another. How fast and how smoothly also depends on a
 *  machine that encodes and decodes everything, so the bars here are
 *  wide; what was measured is printed. Run by `make measure-bandwidth`. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { LINES, legibleLines, shareDocument } from "./support/document";
import { Link, OPEN } from "./support/link";
import { type Sample, samplesOf, startSampling } from "./support/reception";
import { testid } from "./support/tab";
import { pause, until } from "./support/until";

const RELAY = "127.0.0.2";
const WIDE = { ...OPEN, bitsPerSecond: 4_000_000, queueMs: 200, delayMs: 20 };
const NARROW = { ...WIDE, bitsPerSecond: 1_000_000 };
const LOSSY = { ...OPEN, delayMs: 20, jitterMs: 30, loss: 0.05 };
/** How long the lossy network is watched. */
const WATCHED_MS = 60_000;
/** Lines of the film; the layers below have half and a quarter of them. */
const BEST = 540;
/** How long each state lasts once it is reached. */
const STEADY_MS = 6_000;
/** Frames that may be between the network and the decoder at any moment. */
const IN_FLIGHT = 10;

let folder: string;
let scene: Scene;
let link: Link;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "auscult-film-"));
  scene = await openScene({
    env: { AUSCULT_MEDIA__PUBLIC_ADDRESSES: `["${RELAY}"]` },
    cameras: { doctor: film("film", BEST), patient: film("still", 180) },
  });
  link = await Link.open(RELAY, { address: "127.0.0.1", port: scene.server.mediaPort });
  [link.up.path, link.down.path] = [{ ...OPEN, delayMs: 20 }, WIDE];
  await link.lead(scene.patient.page);
  await joinBoth(scene, { captions: false });
  await scene.patient.page.click(testid("btn-camera"));
  await Promise.all([scene.patient, scene.doctor].map(({ page }) => startSampling(page)));
});
afterAll(async () => {
  await scene?.close();
  link?.close();
  rmSync(folder, { recursive: true });
});

/** A camera that needs all the bits that its encoder may spend. */
function film(name: string, lines: number): string {
  const file = join(folder, `${name}.y4m`);
  const picture = `testsrc2=size=${(lines * 16) / 9}x${lines}:rate=30,noise=alls=6:allf=t`;
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", "-f", "lavfi", "-i", picture, "-t", "3", "-pix_fmt", "yuv420p", file]);
  return file;
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
/** What became of picture and sound between two samples. */
const between = (from: Sample, to: Sample) => ({
  frozen: (to.totalFreezesDuration - from.totalFreezesDuration) / ((to.at - from.at) / 1_000),
  concealed: (to.concealedSamples - from.concealedSamples) / (to.samples - from.samples),
  lost: (to.audioLost - from.audioLost) / (to.audioLost - from.audioLost + to.audioPackets - from.audioPackets),
});

const last = async (): Promise<Sample> => {
  const sample = (await samplesOf(scene.patient.page)).at(-1);
  if (!sample) throw new Error("no sample yet");
  return sample;
};
/** Waits until the picture has so many lines; gives the milliseconds from `since` to the first sample that says so. */
async function shown(what: string, are: (lines: number) => boolean, since: number): Promise<number> {
  await until(what, async () => are((await last()).lines), { within: 40_000, every: 100 });
  const first = (await samplesOf(scene.patient.page)).find(({ at, lines }) => at > since && are(lines));
  return (first?.at ?? Number.NaN) - since;
}

it("follows a step from 4 to 1 and back to 4 Mbit/s without an undecodable frame, and never pauses the sound", async () => {
  await shown("the best picture", (lines) => lines === BEST, Date.now());
  await pause(STEADY_MS);
  const narrowed = Date.now();
  [link.down.path, link.down.longestQueueMs] = [NARROW, 0];
  const down = await shown("a smaller picture", (lines) => lines < BEST, narrowed);
  const queued = link.down.longestQueueMs;
  await pause(STEADY_MS);
  const widened = Date.now();
  link.down.path = WIDE;
  const up = await shown("the best picture again", (lines) => lines === BEST, widened);
  await pause(STEADY_MS);

  const samples = await samplesOf(scene.patient.page);
  const [first, end] = [samples[0], samples.at(-1)];
  if (!first || !end) throw new Error("no samples");
  const { frozen, concealed } = between(first, end);
  process.stdout.write(
    `4 → 1 Mbit/s: smaller picture after ${down} ms; 1 → 4 Mbit/s: best picture after ${up} ms; ` +
      `frozen ${percent(frozen)}, sound concealed ${percent(concealed)}, ` +
      `frames dropped ${end.framesDropped - first.framesDropped} of ${end.framesReceived - first.framesReceived}\n`,
  );
  expect(end.remote, "nothing went another way").toBe(RELAY);
  expect(queued, "the bottleneck was one").toBeGreaterThan(NARROW.queueMs / 2);
  // A decoder that cannot go on asks for a keyframe; the frames that it gets it decodes, or skips for a later one.
  expect(end.pliCount - first.pliCount, "decoder's cries for help").toBe(0);
  expect(end.framesReceived - end.framesDecoded - end.framesDropped).toBeLessThanOrEqual(IN_FLIGHT);
  expect(down).toBeLessThan(5_000);
  const silences = samples.filter((sample, i) => (samples[i + 10]?.audioPackets ?? Infinity) <= sample.audioPackets);
  expect(silences.map(({ at }) => at - first.at), "a second without sound").toEqual([]);
  expect(concealed).toBeLessThan(0.03);
});

it("the small print of a shared document can be read at 1 Mbit/s", async () => {
  const { doctor, patient } = scene;
  link.down.path = NARROW;
  await pause(STEADY_MS);
  const screen = `video[data-participant="${doctor.id}"][data-source="screen"]`;
  const readable = async (since: number): Promise<number> => {
    const all = async () => (await legibleLines(patient.page, screen)) === LINES;
    await until("every line", all, { within: 20_000, every: 50 });
    return Date.now() - since;
  };
  await shareDocument(doctor.page);
  const shared = Date.now();
  await doctor.page.click(testid("btn-share"));
  try {
    const first = await readable(shared);
    await pause(STEADY_MS);
    const still = await legibleLines(patient.page, screen);
    process.stdout.write(`1 Mbit/s: small print readable ${first} ms after it was shared, ${still} of ${LINES} lines later\n`);
    expect(still).toBe(LINES);
  } finally {
    await doctor.page.click(testid("btn-share"));
    link.down.path = WIDE;
  }
});

it("at 5 % loss and 30 ms jitter both ways sound is heard and the picture moves", async () => {
  [link.up.path, link.down.path] = [LOSSY, LOSSY];
  await pause(STEADY_MS);
  const [viewed, heard] = [(await samplesOf(scene.patient.page)).length, (await samplesOf(scene.doctor.page)).length];
  await pause(WATCHED_MS);
  const [patient, doctor] = [await samplesOf(scene.patient.page), await samplesOf(scene.doctor.page)];
  const [from, to, heardFrom, heardTo] = [patient[viewed - 1], patient.at(-1), doctor[heard - 1], doctor.at(-1)];
  if (!from || !to || !heardFrom || !heardTo) throw new Error("no samples");
  const [down, up] = [between(from, to), between(heardFrom, heardTo)];
  const changes = patient.slice(viewed).filter(({ lines }, i) => lines !== patient[viewed + i - 1]?.lines);
  process.stdout.write(
    `5 % loss, 30 ms jitter: picture frozen ${percent(down.frozen)}, changed size ${changes.length} times, keyframes asked for ${to.pliCount - from.pliCount}; ` +
      `down: sound lost ${percent(down.lost)}, concealed ${percent(down.concealed)}; ` +
      `up: lost ${percent(up.lost)}, concealed ${percent(up.concealed)}\n`,
  );
  expect(link.down.lostAtRandom, "the network was lossy").toBeGreaterThan(0);
  expect(down.frozen).toBeLessThan(0.15);
  expect(Math.max(down.concealed, up.concealed)).toBeLessThan(0.03);
});
