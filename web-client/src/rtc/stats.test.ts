import { describe, expect, it } from "vitest";

import { countReceived, type InboundEntry, receiveStats, worse } from "./stats";

const inbound = (mid: string, numbers: Partial<InboundEntry>): InboundEntry => ({ type: "inbound-rtp", mid, ...numbers });
const names = new Map([["0", "ann"], ["1", "ann"], ["2", "bob"]]);
const participantOf = (mid: string): string | null => names.get(mid) ?? null;

describe("countReceived", () => {
  it("adds up the tracks of each participant and ignores everything else", () => {
    const counters = countReceived(
      [
        inbound("0", { packetsReceived: 100, packetsLost: 2, bytesReceived: 8_000 }),
        inbound("1", { packetsReceived: 400, packetsLost: 1, bytesReceived: 200_000, framesDecoded: 50 }),
        inbound("2", { packetsReceived: 7 }),
        inbound("9", { packetsReceived: 1_000 }),
        { type: "outbound-rtp", mid: "0", packetsReceived: 5 },
      ],
      participantOf,
    );
    expect(counters.get("ann")).toEqual({ packets: 500, lost: 3, bytes: 208_000, framesDecoded: 50, freezeSeconds: 0 });
    expect(counters.get("bob")?.packets).toBe(7);
    expect(counters.size).toBe(2);
  });
});

describe("receiveStats", () => {
  const before = { packets: 100, lost: 0, bytes: 10_000, framesDecoded: 30, freezeSeconds: 0 };

  it("counts the interval, not the whole call", () => {
    const now = { packets: 290, lost: 10, bytes: 260_000, framesDecoded: 90, freezeSeconds: 0 };
    expect(receiveStats(before, now, 2)).toEqual({
      quality: "fair",
      loss: 0.05,
      frozen: 0,
      kilobitsPerSecond: 1_000,
      framesPerSecond: 30,
    });
  });

  it("calls much loss and long freezes poor", () => {
    expect(receiveStats(before, { ...before, packets: 180, lost: 20 }, 2).quality).toBe("poor");
    expect(receiveStats(before, { ...before, packets: 180, freezeSeconds: 1 }, 2).quality).toBe("poor");
  });

  it("starts again when an m-line was given to somebody else", () => {
    const stats = receiveStats(before, { packets: 3, lost: 0, bytes: 100, framesDecoded: 1, freezeSeconds: 0 }, 2);
    expect(stats).toEqual({ quality: "good", loss: 0, frozen: 0, kilobitsPerSecond: 0, framesPerSecond: 0 });
  });
});

describe("worse", () => {
  it("takes the worse of two", () => {
    expect(worse("good", "fair")).toBe("fair");
    expect(worse("poor", "good")).toBe("poor");
    expect(worse("good", "good")).toBe("good");
  });
});
