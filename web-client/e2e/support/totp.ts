/** An authenticator app (RFC 6238: SHA-1, six digits, 30 seconds). */
import { createHmac } from "node:crypto";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** What the app shows, `steps` codes from now. */
export function codeOf(secret: string, steps = 0): string {
  const bits = Array.from(secret, (letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac.readUInt8(19) & 0xf;
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}

/** What it does not show within a step of now. (No code is wrong for every secret.) */
export function wrongCodeOf(secret: string): string {
  const taken = [-2, -1, 0, 1, 2].map((steps) => codeOf(secret, steps));
  const codes = Array.from({ length: taken.length + 1 }, (_, code) => String(code).padStart(6, "0"));
  return codes.find((code) => !taken.includes(code)) ?? "";
}
