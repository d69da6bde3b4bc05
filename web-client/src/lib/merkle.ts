/** Inclusion proofs of a Merkle log (RFC 9162, 2.1.3) and the notes that sign its roots (C2SP tlog-checkpoint). */

export interface InclusionProof {
  /** Hash of the entry, 32 bytes in hexadecimal. */
  leaf: string;
  /** From 0. */
  index: number;
  /** Entries of the tree. */
  size: number;
  /** Hashes in hexadecimal, from the leaf up. */
  path: readonly string[];
}

/** The root that the proof leads to, in hexadecimal; null when the path does not fit index and size. */
export async function rootOf({ leaf, index, size, path }: InclusionProof): Promise<string | null> {
  if (index >= size) return null;
  let node = index;
  let last = size - 1;
  let hash = fromHex(leaf);
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      hash = await parent(fromHex(sibling), hash);
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = await parent(hash, fromHex(sibling));
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? toHex(hash) : null;
}

/** Size and root (in hexadecimal) that a checkpoint states; null when it is not one. The signature is not checked. */
export function statedRoot(checkpoint: string): { size: number; root: string } | null {
  const [, size, root] = checkpoint.split("\n");
  if (size === undefined || root === undefined || !/^\d+$/.test(size)) return null;
  try {
    const bytes = Uint8Array.from(atob(root), (character) => character.charCodeAt(0));
    return bytes.length === 32 ? { size: Number(size), root: toHex(bytes) } : null;
  } catch {
    return null;
  }
}

/** Whether the entry stands in the tree that the checkpoint states. */
export async function isProven(proof: InclusionProof, checkpoint: string): Promise<boolean> {
  const stated = statedRoot(checkpoint);
  return stated !== null && stated.size === proof.size && (await rootOf(proof)) === stated.root;
}

/** SHA-256 of 0x01, left, right. */
async function parent(left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  const node = new Uint8Array(1 + left.length + right.length);
  node[0] = 1;
  node.set(left, 1);
  node.set(right, 1 + left.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", node));
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
