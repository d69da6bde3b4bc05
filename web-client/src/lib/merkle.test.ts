import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";

import { isProven, rootOf, statedRoot } from "./merkle";

const sha = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const leafHash = (data: Buffer) => sha(Buffer.of(0), data);

/** The tree of RFC 9162, 2.1.1, straight from its definition. */
function root(leaves: Buffer[]): Buffer {
  const [only] = leaves;
  if (leaves.length === 1 && only) return only;
  const split = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1);
  return sha(Buffer.of(1), root(leaves.slice(0, split)), root(leaves.slice(split)));
}

/** PATH(m, D_n) of RFC 9162, 2.1.3.1. */
function path(index: number, leaves: Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const split = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split ? [...path(index, left), root(right)] : [...path(index - split, right), root(left)];
}

// The leaves of certificate-transparency-go's published test vectors.
const DATA = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const LEAVES = DATA.map((hex) => leafHash(Buffer.from(hex, "hex")));
const ROOT_OF_8 = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";

const proof = (index: number, size: number) => ({
  leaf: LEAVES[index]?.toString("hex") ?? "",
  index,
  size,
  path: path(index, LEAVES.slice(0, size)).map((hash) => hash.toString("hex")),
});

describe("an inclusion proof", () => {
  it("leads to the published root", async () => {
    expect(root(LEAVES).toString("hex")).toBe(ROOT_OF_8);
    expect(await rootOf(proof(5, 8))).toBe(ROOT_OF_8);
  });

  it("leads to the root for every entry of every size", async () => {
    for (let size = 1; size <= LEAVES.length; size += 1) {
      const expected = root(LEAVES.slice(0, size)).toString("hex");
      for (let index = 0; index < size; index += 1) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other, so that a failure names its case
        expect(await rootOf(proof(index, size)), `${index} of ${size}`).toBe(expected);
      }
    }
  });

  it("does not lead there from another entry, another place, a longer or a shorter path", async () => {
    const good = proof(5, 8);
    expect(await rootOf({ ...good, leaf: proof(4, 8).leaf })).not.toBe(ROOT_OF_8);
    expect(await rootOf({ ...good, index: 4 })).not.toBe(ROOT_OF_8);
    expect(await rootOf({ ...good, path: good.path.slice(1) })).toBeNull();
    expect(await rootOf({ ...good, path: [...good.path, good.leaf] })).toBeNull();
    expect(await rootOf({ ...good, index: 8 })).toBeNull();
  });
});

describe("a checkpoint", () => {
  const note = `auscult/ten_1\n8\n${Buffer.from(ROOT_OF_8, "hex").toString("base64")}\n\n— auscult/ten_1 AAAA\n`;

  it("states size and root", () => {
    expect(statedRoot(note)).toEqual({ size: 8, root: ROOT_OF_8 });
    expect(statedRoot("nonsense")).toBeNull();
    expect(statedRoot("auscult\n8\nAAAA\n")).toBeNull();
    expect(statedRoot("auscult\n8\n%%%\n")).toBeNull();
  });

  it("proves an entry of its own tree only", async () => {
    expect(await isProven(proof(5, 8), note)).toBe(true);
    expect(await isProven(proof(5, 7), note)).toBe(false);
    expect(await isProven({ ...proof(5, 8), leaf: "00".repeat(32) }, note)).toBe(false);
  });
});
