import * as z from "zod/mini";

// Without this zod compiles its checks with `new Function`, which the content security policy forbids.
z.config({ jitless: true });

/** Trimmed, 1 to `most` characters. */
export function line(missing: string, most: number, tooLong: string) {
  return z.string().check(z.trim(), z.minLength(1, missing), z.maxLength(most, tooLong));
}

export { z };
