/** Waiting for something real to happen, by asking again: no sleeps of a guessed length. */

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Falsy = false | null | undefined | 0 | "";

/**
 * Asks `probe` every `every` milliseconds until it gives something truthy, and returns that. Note that a browser's
 * own `waitForFunction` with an async function passes at once, because a promise is truthy.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | Falsy> | T | Falsy,
  { within = 20_000, every = 50 }: { within?: number; every?: number } = {},
): Promise<T> {
  const deadline = Date.now() + within;
  let failure: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) {
      const because = failure instanceof Error ? `: ${failure.message}` : "";
      throw new Error(`waited ${within} ms in vain for ${what}${because}`);
    }
    await pause(every);
  }
}
