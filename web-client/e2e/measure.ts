/**
 * The figures of the README, from one run with a release build: `make measure`. Prints a table and writes
 * `bench-results/measure.json`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { joinBoth, openScene, type Scene } from "./support/call";
import { cpuSeconds, residentMiB } from "./support/process";
import { type ReceivedCaption, recordCaptions } from "./support/received-captions";
import { testid } from "./support/tab";
import { pause, until } from "./support/until";
import { quantile } from "./support/words";

const JOINS = 20;
const CPU_SECONDS = 30;
const RESULTS = fileURLToPath(new URL("../../bench-results/", import.meta.url));

const figures: Record<string, string> = {};
const milliseconds = (values: number[]) =>
  `${Math.round(quantile(values, 0.5))} ms / ${Math.round(quantile(values, 0.95))} ms`;

let scene: Scene;
let captions: ReceivedCaption[];
beforeAll(async () => {
  scene = await openScene({ dialogue: "d03", lead: 8 });
  captions = recordCaptions(scene.patient.page);
});
afterAll(async () => {
  await scene?.close();
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}/measure.json`, `${JSON.stringify(figures, null, 2)}\n`);
  const rows = Object.entries(figures).map(([what, value]) => `| ${what} | ${value} |`);
  process.stdout.write(`\n${["| what | measured |", "|---|---|", ...rows].join("\n")}\n\n`);
});

it("captions: delay of partial and final captions, CPU while both speak", { timeout: 180_000 }, async () => {
  await joinBoth(scene);
  const last = (captionsOf: string) =>
    captions.filter(({ caption }) => caption.participant === captionsOf && caption.state === "final").length;
  await until("somebody to speak", () => captions.length > 0, { within: 30_000 });
  figures["CPU of the server, two-party call with captions"] = await cpuShare();
  await until("the dialogue to end", () => last(scene.doctor.id) >= 7 && last(scene.patient.id) >= 7, { within: 60_000 });
  figures["memory of the server (RSS), the same call"] = `${Math.round(residentMiB(scene.server.pid))} MiB`;

  const finals = captions.filter(({ caption }) => caption.state === "final");
  const ends = finals.map(({ caption, at }) => at - (scene.startedAt + caption.end_ms));
  figures["end of an utterance to its final caption, p50 / p95"] = milliseconds(ends);
  const firsts = new Map<string, number>();
  for (const { caption, at } of captions) {
    const utterance = `${caption.participant}/${caption.utterance}`;
    if (caption.state === "partial" && !firsts.has(utterance)) {
      firsts.set(utterance, at - (scene.startedAt + caption.start_ms));
    }
  }
  figures["start of an utterance to its first partial caption, p50 / p95"] = milliseconds([...firsts.values()]);
  expect(finals.length).toBeGreaterThanOrEqual(14);
});

it("CPU without captions", { timeout: 120_000 }, async () => {
  await joinBoth(scene, { captions: false });
  await pause(5_000);
  figures["CPU of the server, two-party call without captions"] = await cpuShare();
  expect(Object.keys(figures)).toHaveLength(5);
});

it("joins: from the click to the first decoded frame of the other", { timeout: 600_000 }, async () => {
  const { person, page } = scene.patient;
  const took: number[] = [];
  while (took.length < JOINS) {
    await person.enterLobby(scene.consultation);
    took.push(await timeJoin(page));
  }
  figures[`join to first decoded remote frame, p50 / p95 of ${JOINS}`] = milliseconds(took);
  figures["machine"] = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, browsers and server together`;
  expect(took).toHaveLength(JOINS);
});

/** Milliseconds from the click on "join" to the first remote video frame that the page has decoded. */
async function timeJoin(page: Page): Promise<number> {
  return page.evaluate(async (button) => {
    const start = performance.now();
    document.querySelector<HTMLElement>(button)?.click();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const root = document.querySelector<Element & { peerConnection?: RTCPeerConnection }>('[data-testid="call-root"]');
      const stats = (await root?.peerConnection?.getStats()) ?? new Map<string, RTCInboundRtpStreamStats>();
      for (const report of stats.values()) {
        if (report.type === "inbound-rtp" && report.kind === "video" && report.framesDecoded > 0) {
          return performance.now() - start;
        }
      }
    }
  }, testid("lobby-join"));
}

/** CPU of the server over a while, in per cent of one core. */
async function cpuShare(): Promise<string> {
  const { pid } = scene.server;
  const before = cpuSeconds(pid);
  await pause(CPU_SECONDS * 1_000);
  return `${(((cpuSeconds(pid) - before) / CPU_SECONDS) * 100).toFixed(1)} % of a core`;
}
