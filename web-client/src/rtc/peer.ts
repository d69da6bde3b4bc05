/**
 * One RTCPeerConnection and the meaning of its m-lines. It makes offers and applies answers; when to do so, and what
 * to do about failures, is `call.ts`.
 */

import type { Offer, TrackSource } from "../api/messages";
import { isCurrent, kindOf, type Line, planLines, type RemoteTrack } from "./lines";

/** What is sent of each source. A camera sends three sizes, smallest first: each viewer gets what fits them. */
const ENCODINGS: Record<TrackSource, readonly RTCRtpEncodingParameters[]> = {
  microphone: [{ maxBitrate: 64_000 }],
  camera: [
    { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
    { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
    { rid: "f", maxBitrate: 1_700_000 },
  ],
  screen: [{ maxBitrate: 2_500_000 }],
};

interface ReceivingLine extends Line {
  transceiver: RTCRtpTransceiver;
}

/** Everything that should be sent and received right now. */
export interface Needs {
  publish: readonly { source: TrackSource; track: MediaStreamTrack | null }[];
  receive: readonly RemoteTrack[];
}

export type RemoteMedia = ReadonlyMap<string, ReadonlyMap<TrackSource, MediaStreamTrack>>;

export class Peer {
  readonly connection: RTCPeerConnection;
  /** The server has answered: changes are renegotiations from now on. */
  opened = false;
  readonly #sending = new Map<TrackSource, RTCRtpTransceiver>();
  readonly #receiving: ReceivingLine[] = [];

  constructor(iceServers: RTCIceServer[]) {
    this.connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
  }

  /** An offer of ours has no answer yet. */
  get unanswered(): boolean {
    return this.connection.signalingState === "have-local-offer";
  }

  /** Nothing has to be negotiated to fulfil these needs. */
  satisfies(needs: Needs): boolean {
    const sources = needs.publish.map(({ source }) => source);
    const sending = [...this.#sending.keys()].filter((source) => this.publishes(source));
    return (
      sources.length === sending.length &&
      sources.every((source) => sending.includes(source)) &&
      isCurrent(this.#receiving, needs.receive)
    );
  }

  publishes(source: TrackSource): boolean {
    return this.#sending.get(source)?.direction === "sendonly";
  }

  /** Points the m-lines at `needs` and offers that. An earlier unanswered offer is replaced by this one. */
  async offer(request: number, needs: Needs, iceRestart: boolean): Promise<Offer> {
    this.#arrangeSending(needs);
    this.#arrangeReceiving(needs.receive);
    const description = await this.connection.createOffer({ iceRestart });
    await this.connection.setLocalDescription(description);
    return {
      request,
      sdp: this.connection.localDescription?.sdp ?? "",
      publish: [...this.#sending].flatMap(([source, { mid, direction }]) =>
        mid !== null && direction === "sendonly" ? [{ mid, source }] : [],
      ),
      subscribe: this.#receiving.flatMap(({ transceiver: { mid }, holds }) =>
        mid !== null && holds !== null ? [{ mid, ...holds }] : [],
      ),
    };
  }

  async accept(sdp: string): Promise<void> {
    await this.connection.setRemoteDescription({ type: "answer", sdp });
    this.opened = true;
  }

  /** Changes what an m-line sends without a negotiation. */
  async replaceTrack(source: TrackSource, track: MediaStreamTrack | null): Promise<void> {
    if (this.connection.signalingState !== "closed") await this.#sending.get(source)?.sender.replaceTrack(track);
  }

  /** The received tracks by participant. A track object is stable while its m-line carries the same thing. */
  remoteMedia(): RemoteMedia {
    const media = new Map<string, Map<TrackSource, MediaStreamTrack>>();
    for (const { holds, transceiver } of this.#receiving) {
      if (holds === null) continue;
      const tracks = media.get(holds.participant) ?? new Map<TrackSource, MediaStreamTrack>();
      media.set(holds.participant, tracks.set(holds.source, transceiver.receiver.track));
    }
    return media;
  }

  /** Which participant an m-line receives, for statistics. */
  participantOf(mid: string): string | null {
    return this.#receiving.find(({ transceiver }) => transceiver.mid === mid)?.holds?.participant ?? null;
  }

  close(): void {
    this.connection.close();
  }

  #arrangeSending({ publish }: Needs): void {
    for (const [source, transceiver] of this.#sending) {
      if (publish.every((wanted) => wanted.source !== source)) transceiver.direction = "inactive";
    }
    for (const { source, track } of publish) {
      const transceiver = this.#sending.get(source);
      if (transceiver === undefined) this.#sending.set(source, this.#addSending(source, track));
      else transceiver.direction = "sendonly";
    }
  }

  #addSending(source: TrackSource, track: MediaStreamTrack | null): RTCRtpTransceiver {
    const transceiver = this.connection.addTransceiver(track ?? kindOf(source), {
      direction: "sendonly",
      sendEncodings: ENCODINGS[source].map((encoding) => ({ ...encoding })),
    });
    if (kindOf(source) === "video") preferVp8(transceiver);
    return transceiver;
  }

  #arrangeReceiving(wanted: readonly RemoteTrack[]): void {
    const { existing, added } = planLines(this.#receiving, wanted);
    for (const [at, line] of this.#receiving.entries()) {
      line.holds = existing[at] ?? null;
      line.transceiver.direction = line.holds === null ? "inactive" : "recvonly";
    }
    for (const track of added) {
      const kind = kindOf(track.source);
      const transceiver = this.connection.addTransceiver(kind, { direction: "recvonly" });
      this.#receiving.push({ kind, holds: track, transceiver });
    }
  }
}


/** VP8 is the one codec that every browser here can both send and receive. */
function preferVp8(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const isVp8 = (mimeType: string): boolean => mimeType.toLowerCase() === "video/vp8";
  const ordered = [
    ...codecs.filter(({ mimeType }) => isVp8(mimeType)),
    ...codecs.filter(({ mimeType }) => !isVp8(mimeType)),
  ];
  if (ordered.length > 0) transceiver.setCodecPreferences(ordered);
}
