/**
 * The media link of a call: one peer connection at a time, its negotiations and its health. Level-triggered:
 * `negotiate` compares what should be sent and received with what the peer connection does, whatever the reason for
 * asking, so nothing is lost between sockets or negotiations.
 */

import type { ClientMessage, SignalError } from "../api/messages";
import type { CallFailure } from "./failure";
import { type Needs, Peer } from "./peer";
import { countReceived, type InboundEntry, type ReceiveCounters, type ReceiveStats, receiveStats } from "./stats";

/** A dip shorter than this usually heals by itself. */
const DISCONNECTED_FOR_MS = 2_000;
/** An ICE restart that has not brought media back by then gives way to a new peer connection. */
const ICE_RESTART_WITHIN_MS = 5_000;
const CONNECT_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const FIRST_PICTURES_WITHIN_MS = 1_500;
/** Peer connections in a row that carried no media before giving up. */
const MAX_LOST_PEERS = 4;

export interface LinkOptions {
  send: (message: ClientMessage) => boolean;
  needs: () => Needs;
  /** Media flows, or has stopped flowing and is being brought back. */
  onFlow: (flows: boolean) => void;
  /** An answer has been applied: other tracks may be received now. */
  onNegotiated: (peer: Peer) => void;
  /** Publishing something was not granted; true when there is something to do without. */
  onNotGranted: () => boolean;
  /** The server no longer answers on this socket. */
  onSilence: () => void;
  onGiveUp: (code: CallFailure) => void;
}

type Answer = { kind: "answer"; sdp: string } | { kind: "refused"; code: SignalError } | { kind: "lost" } | { kind: "late" };

export class Link {
  readonly #options: LinkOptions;
  #iceServers: RTCIceServer[] = [];
  #socketUp = false;
  #closed = false;
  #peer: Peer | null = null;
  /** The last one that worked: its pictures stand still on the screen until the new ones move. */
  #previous: Peer | null = null;
  #lostPeers = 0;
  #iceRestart = false;
  #negotiating = false;
  /** Counts over all peer connections: a late answer to an earlier one must not pass for an answer to this one. */
  #request = 0;
  #awaited: { request: number; settle: (answer: Answer) => void } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #counters = new Map<string, ReceiveCounters>();
  #countedAt = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get peer(): Peer | null {
    return this.#peer;
  }

  /** The socket is there; `sessionOpen`: the server still has the other end of our peer connection. */
  socketUp(iceServers: RTCIceServer[], sessionOpen: boolean): void {
    this.#socketUp = true;
    this.#iceServers = iceServers;
    const state = this.#peer?.connection.connectionState;
    if (this.#peer === null || (this.#peer.opened && !sessionOpen)) this.#open();
    else if (state === "disconnected" || state === "failed") this.restartIce();
    else this.negotiate();
  }

  /** A running peer connection goes on without it. */
  socketDown(): void {
    this.#socketUp = false;
    this.#awaited?.settle({ kind: "lost" });
  }

  /** One negotiation at a time; what is needed meanwhile goes into the next. */
  negotiate(): void {
    if (!this.#negotiating) void this.#rounds();
  }

  answered(request: number, sdp: string): void {
    if (this.#awaited?.request === request) this.#awaited.settle({ kind: "answer", sdp });
  }

  refused(request: number, code: SignalError): void {
    if (this.#awaited?.request === request) this.#awaited.settle({ kind: "refused", code });
  }

  /** The server lost its side. Before the first answer it is the end of an earlier page's session: not ours. */
  sessionFailed(): void {
    if (this.#peer?.opened === true) this.#replace("media_failed");
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#awaited?.settle({ kind: "lost" });
    this.#forgetPrevious();
    this.#peer?.close();
  }

  /** What arrived from each participant since the last call. */
  async measure(): Promise<Map<string, ReceiveStats>> {
    const peer = this.#peer;
    if (peer === null || this.#closed) return new Map();
    const entries: InboundEntry[] = [];
    (await peer.connection.getStats()).forEach((entry: InboundEntry) => entries.push(entry));
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.#countedAt) / 1000);
    const counters = countReceived(entries, (mid) => peer.participantOf(mid));
    const stats = new Map([...counters].map(([id, count]) => [id, receiveStats(this.#counters.get(id), count, seconds)]));
    this.#counters = counters;
    this.#countedAt = now;
    return stats;
  }

  async #rounds(): Promise<void> {
    this.#negotiating = true;
    while (this.#peer !== null && this.#mustOffer(this.#peer)) await this.#round(this.#peer);
    this.#negotiating = false;
  }

  #mustOffer(peer: Peer): boolean {
    if (!this.#socketUp || this.#closed) return false;
    return !peer.opened || peer.unanswered || this.#iceRestart || !peer.satisfies(this.#options.needs());
  }

  async #round(peer: Peer): Promise<void> {
    try {
      this.#request += 1;
      const offer = await peer.offer(this.#request, this.#options.needs(), this.#iceRestart);
      if (peer !== this.#peer || this.#closed) return;
      const awaited = this.#await(offer.request);
      if (!this.#options.send({ type: peer.opened ? "renegotiate" : "connect", offer })) this.socketDown();
      const answer = await awaited;
      if (peer === this.#peer && !this.#closed) await this.#apply(peer, offer.request, answer);
    } catch {
      // The browser refused its own offer or the answer: this peer connection is of no more use.
      if (peer === this.#peer) this.#replace("media_failed");
    }
  }

  #await(request: number): Promise<Answer> {
    return new Promise((resolve) => {
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        this.#awaited = null;
        resolve(answer);
      };
      const timer = setTimeout(() => settle({ kind: "late" }), ANSWER_WITHIN_MS);
      this.#awaited = { request, settle };
    });
  }

  async #apply(peer: Peer, request: number, answer: Answer): Promise<void> {
    switch (answer.kind) {
      case "answer":
        await peer.accept(answer.sdp);
        this.#iceRestart = false;
        this.#options.send({ type: "negotiated", request });
        this.#options.onNegotiated(peer);
        return;
      case "refused":
        return this.#afterRefusal(answer.code);
      case "late":
        this.socketDown();
        return this.#options.onSilence();
      case "lost":
        return;
    }
  }

  #afterRefusal(code: SignalError): void {
    // The call is ending: the socket is about to say so.
    if (code === "consultation_not_active") this.#closed = true;
    else if (code === "room_full") this.#options.onGiveUp(code);
    else if (code !== "not_granted") this.#replace("media_failed");
    else if (!this.#options.onNotGranted()) this.#options.onGiveUp(code);
  }

  #open(): void {
    this.#options.onFlow(false);
    if (this.#peer?.opened === true && this.#previous === null) this.#previous = this.#peer;
    else this.#peer?.close();
    this.#awaited?.settle({ kind: "lost" });
    const peer = new Peer(this.#iceServers);
    this.#peer = peer;
    this.#iceRestart = false;
    this.#counters.clear();
    peer.connection.onconnectionstatechange = () => {
      if (peer === this.#peer) this.#stateChanged(peer.connection.connectionState);
    };
    this.#after(CONNECT_WITHIN_MS, () => this.#replace("media_unreachable"));
    this.negotiate();
  }

  #stateChanged(state: RTCPeerConnectionState): void {
    if (state === "connected") {
      this.#after(FIRST_PICTURES_WITHIN_MS, () => this.#forgetPrevious());
      this.#lostPeers = 0;
      this.#options.onFlow(true);
    } else if (state === "disconnected") this.#after(DISCONNECTED_FOR_MS, () => this.restartIce());
    else if (state === "failed") this.restartIce();
  }

  /** Without a socket nothing can be offered: `socketUp` comes back to it. */
  restartIce(): void {
    this.#options.onFlow(false);
    if (this.#peer?.opened !== true) return this.#replace("media_unreachable");
    this.#iceRestart = true;
    this.#after(ICE_RESTART_WITHIN_MS, () => this.#replace("media_unreachable"));
    this.negotiate();
  }

  #replace(reason: CallFailure): void {
    if (this.#closed) return;
    this.#options.onFlow(false);
    if (!this.#socketUp) return this.#after(ICE_RESTART_WITHIN_MS, () => this.#replace(reason));
    this.#lostPeers += 1;
    if (this.#lostPeers < MAX_LOST_PEERS) this.#open();
    else this.#options.onGiveUp(reason);
  }

  #forgetPrevious(): void {
    this.#previous?.close();
    this.#previous = null;
  }

  #after(milliseconds: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, milliseconds);
  }
}
