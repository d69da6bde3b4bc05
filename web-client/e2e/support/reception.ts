/** What a viewer's browser says of the one camera and the one microphone that it receives, ten times a second. */
import type { Page } from "playwright-core";

/** Counters since the connection began, but for `lines`. Names as in the W3C's statistics for WebRTC. */
export interface Sample {
  /** Milliseconds since the epoch. */
  at: number;
  /** Height of the last decoded frame. */
  lines: number;
  framesReceived: number;
  framesDecoded: number;
  framesDropped: number;
  keyFramesDecoded: number;
  freezeCount: number;
  /** Seconds. */
  totalFreezesDuration: number;
  pliCount: number;
  nackCount: number;
  videoLost: number;
  videoBytes: number;
  audioPackets: number;
  audioLost: number;
  samples: number;
  concealedSamples: number;
  silentConcealedSamples: number;
  /** Address of the server's end. */
  remote: string;
}

const EVERY_MS = 100;

/** From now on, in a page that is in a call. */
export async function startSampling(page: Page): Promise<void> {
  await page.evaluate((every) => {
    const samples: Sample[] = [];
    Object.assign(window, { receptionSamples: samples });
    const root = document.querySelector<Element & { peerConnection?: RTCPeerConnection }>('[data-testid="call-root"]');
    setInterval(() => void sample(), every);

    async function sample(): Promise<void> {
      const stats = (await root?.peerConnection?.getStats()) ?? new Map<string, never>();
      // oxlint-disable-next-line typescript/no-explicit-any -- the types know fewer members than the browser
      const reports = new Map<string, any>(stats.entries());
      const inbound = [...reports.values()].filter(({ type }) => type === "inbound-rtp");
      const video = inbound.find(({ kind, framesReceived }) => kind === "video" && framesReceived > 0) ?? {};
      const audio = inbound.find(({ kind, totalSamplesReceived }) => kind === "audio" && totalSamplesReceived > 0) ?? {};
      const transport = [...reports.values()].find(({ type }) => type === "transport");
      const pair = reports.get(transport?.selectedCandidatePairId);
      samples.push({
        at: Date.now(),
        lines: video.frameHeight ?? 0,
        framesReceived: video.framesReceived ?? 0,
        framesDecoded: video.framesDecoded ?? 0,
        framesDropped: video.framesDropped ?? 0,
        keyFramesDecoded: video.keyFramesDecoded ?? 0,
        freezeCount: video.freezeCount ?? 0,
        totalFreezesDuration: video.totalFreezesDuration ?? 0,
        pliCount: video.pliCount ?? 0,
        nackCount: video.nackCount ?? 0,
        videoLost: video.packetsLost ?? 0,
        videoBytes: video.bytesReceived ?? 0,
        audioPackets: audio.packetsReceived ?? 0,
        audioLost: audio.packetsLost ?? 0,
        samples: audio.totalSamplesReceived ?? 0,
        concealedSamples: audio.concealedSamples ?? 0,
        silentConcealedSamples: audio.silentConcealedSamples ?? 0,
        remote: reports.get(pair?.remoteCandidateId)?.address ?? "",
      });
    }
  }, EVERY_MS);
}

/** All of them so far, the oldest first. */
export function samplesOf(page: Page): Promise<Sample[]> {
  return page.evaluate(() => (window as unknown as { receptionSamples: Sample[] }).receptionSamples);
}
