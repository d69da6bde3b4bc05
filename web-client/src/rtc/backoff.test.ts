import { describe, expect, it } from "vitest";

import { backoffMs, pause } from "./backoff";

describe("backoffMs", () => {
  it("doubles from 0.2 s and stays at 2 s", () => {
    const latest = (attempt: number): number => backoffMs(attempt, () => 1);
    expect([0, 1, 2, 3, 4, 5, 100].map(latest)).toEqual([200, 400, 800, 1600, 2000, 2000, 2000]);
  });

  it("waits between half and all of it", () => {
    expect(backoffMs(3, () => 0)).toBe(800);
    expect(backoffMs(3, () => 0.5)).toBe(1200);
  });
});

describe("pause", () => {
  it("ends at once when the signal aborts", async () => {
    const abort = new AbortController();
    const paused = pause(60_000, abort.signal);
    abort.abort();
    await expect(paused).resolves.toBeUndefined();
    await expect(pause(60_000, abort.signal)).resolves.toBeUndefined();
  });

  it("ends at once when the network is back", async () => {
    const paused = pause(60_000, new AbortController().signal);
    window.dispatchEvent(new Event("online"));
    await expect(paused).resolves.toBeUndefined();
  });
});
