/** A poor network between browsers and the server's media port: a UDP relay on another loopback address that forwards
 *  both ways through a bottleneck. It needs no rights and no kernel module, and the same seed loses the same packets. */
import { createSocket, type Socket } from "node:dgram";
import type { Page } from "playwright-core";

/** What one direction does to its packets. */
export interface Path {
  /** Of the bottleneck, headers of UDP and IP included. */
  bitsPerSecond: number;
  /** How long a packet waits for the bottleneck at most; one that would wait longer is lost (drop-tail). */
  queueMs: number;
  /** Propagation, after the bottleneck. */
  delayMs: number;
  /** Each packet takes up to this much longer, evenly distributed; packets overtake one another. */
  jitterMs: number;
  /** Share of the packets that is lost at random, 0 to 1. */
  loss: number;
}

export const OPEN: Path = { bitsPerSecond: Infinity, queueMs: Infinity, delayMs: 0, jitterMs: 0, loss: 0 };

/** IPv4 and UDP. */
const HEADER_BYTES = 28;
/** Packets under way in one direction. */
const CAPACITY = 4_096;

interface Packet {
  due: number;
  deliver: () => void;
}

class Direction {
  passed = 0;
  lostAtRandom = 0;
  /** The longest that a datagram has waited for those before it, or was dropped for. */
  longestQueueMs = 0;
  private readonly underWay: Packet[] = [];
  /** When the bottleneck has sent all that waits for it; milliseconds of `performance.now()`. */
  private freeAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    public path: Path,
    private readonly random: () => number,
  ) {}

  take(bytes: number, deliver: () => void): void {
    const { bitsPerSecond, queueMs, delayMs, jitterMs, loss } = this.path;
    const [isLost, late] = [this.random() < loss, this.random() * jitterMs];
    const now = performance.now();
    const start = Math.max(now, this.freeAt);
    this.longestQueueMs = Math.max(this.longestQueueMs, start - now);
    if (start - now > queueMs || this.underWay.length >= CAPACITY) {
      return;
    }
    this.freeAt = start + ((bytes + HEADER_BYTES) * 8_000) / bitsPerSecond;
    if (isLost) {
      this.lostAtRandom += 1;
      return;
    }
    const due = this.freeAt + delayMs + late;
    const before = this.underWay.findLastIndex((packet) => packet.due <= due);
    this.underWay.splice(before + 1, 0, { due, deliver });
    if (before === -1) this.wait();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.underWay.length = 0;
  }

  private wait(): void {
    clearTimeout(this.timer);
    const next = this.underWay[0];
    if (next) this.timer = setTimeout(() => this.release(), Math.max(0, next.due - performance.now()));
  }

  private release(): void {
    const now = performance.now();
    for (let next = this.underWay[0]; next !== undefined && next.due <= now; next = this.underWay[0]) {
      this.underWay.shift();
      this.passed += 1;
      next.deliver();
    }
    this.wait();
  }
}

export class Link {
  readonly up: Direction;
  readonly down: Direction;
  /** For each browser's address: where the server sees it. */
  private readonly clients = new Map<string, Socket>();

  private constructor(
    readonly address: string,
    private readonly front: Socket,
    private readonly server: { address: string; port: number },
    seed: number,
  ) {
    this.up = new Direction(OPEN, sequence(seed));
    this.down = new Direction(OPEN, sequence(seed + 1));
    front.on("message", (datagram, { address: from, port }) => {
      const client = this.clientAt(from, port);
      this.up.take(datagram.length, () => client.send(datagram, this.server.port, this.server.address));
    });
  }

  /** Listens on `address` at the server's own port number, as the server's candidates say. */
  static async open(address: string, server: { address: string; port: number }, seed = 1): Promise<Link> {
    const front = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      front.once("error", reject).bind(server.port, address, resolve);
    });
    return new Link(address, front, server, seed);
  }

  /** Has the page know no other way to the server than this. */
  async lead(page: Page): Promise<void> {
    await page.addInitScript(keepCandidatesOf, this.address);
  }

  close(): void {
    for (const direction of [this.up, this.down]) direction.stop();
    for (const socket of [this.front, ...this.clients.values()]) socket.close();
  }

  private clientAt(address: string, port: number): Socket {
    const known = this.clients.get(`${address}:${port}`);
    if (known) return known;
    const socket = createSocket("udp4");
    socket.on("message", (datagram) => {
      this.down.take(datagram.length, () => this.front.send(datagram, port, address));
    });
    this.clients.set(`${address}:${port}`, socket);
    return socket;
  }
}

/** Runs in the page, before its own scripts. */
function keepCandidatesOf(address: string): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its own connection below
  const { setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setRemoteDescription = async function narrowed(this: RTCPeerConnection, description) {
    const isKept = (line: string) =>
      !line.startsWith("a=candidate:") || (line.includes(` ${address} `) && / udp /i.test(line));
    const sdp = description.sdp?.split("\r\n").filter(isKept).join("\r\n");
    await Reflect.apply(setRemoteDescription, this, [{ type: description.type, sdp }]);
  };
}

/** Numbers from 0 to 1, the same for the same seed (a linear congruential generator). */
function sequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
