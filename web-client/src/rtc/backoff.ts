/** Waiting between attempts to reach the server. */

const FIRST_MS = 200;
/** A restarted server has everybody back in their calls within five seconds: most of that is waiting. */
const LONGEST_MS = 2_000;

/**
 * How long to wait before attempt number `attempt` (0 is the first repetition): doubles from 0.2 s to 2 s, and between
 * half and all of it, so that the clients of a restarted server do not come back all at once.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return ceiling * (0.5 + random() / 2);
}

/** Resolves after `ms`, or at once when `signal` aborts or the browser reports that it is online again. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    window.addEventListener("online", done);
    if (signal.aborted) done();
  });
}
