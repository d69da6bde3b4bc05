/**
 * One person's part in one call: joins signalling, media link and devices, and shows them as one immutable snapshot.
 * Nothing waits in a queue: after a lost socket everything is said again from the present state.
 */

import type { CaptionView, ParticipantView, ServerMessage, TrackSource } from "../api/messages";
import { type Choice, saveChoice } from "./choice";
import type { DeviceKind } from "./devices";
import type { Outcome } from "./failure";
import { wantedTracks } from "./lines";
import { Link } from "./link";
import { isMuted, LocalMedia, SOURCES } from "./local";
import type { Needs, Peer } from "./peer";
import { Signalling, type TicketResult } from "./signalling";
import { type CallSnapshot, type CallState, firstSnapshot } from "./snapshot";
import { View } from "./view";

export type { CallSnapshot, CallState };

const STATS_EVERY_MS = 2_000;

/** `history` begins every connection: the final captions so far. */
export type CaptionEvent = { type: "history"; captions: CaptionView[] } | { type: "caption"; caption: CaptionView };

export interface CallOptions {
  consultation: string;
  signalUrl: string;
  requestTicket: (signal: AbortSignal) => Promise<TicketResult>;
  choice: Choice;
  onCaption: (event: CaptionEvent) => void;
}

export class Call {
  readonly #options: CallOptions;
  readonly #abort = new AbortController();
  readonly #signalling: Signalling;
  readonly #link: Link;
  readonly #local: LocalMedia;
  readonly #listeners = new Set<() => void>();
  /** The pictures of others on this screen. */
  readonly view: View;
  #participants = new Map<string, ParticipantView>();
  /** What the server was last told about each source of this session. */
  readonly #saidMuted = new Map<TrackSource, boolean>();
  #saidView = "";
  #snapshot: CallSnapshot;

  constructor(options: CallOptions) {
    this.#options = options;
    const { signal } = this.#abort;
    this.view = new View(() => this.#sayView(), signal);
    this.#local = new LocalMedia(options.choice, (source) => this.#localChanged(source), signal);
    this.#signalling = new Signalling({
      url: options.signalUrl,
      requestTicket: options.requestTicket,
      signal,
      onMessage: (message, iceServers) => this.#receive(message, iceServers),
      onDown: (retryAt) => this.#socketDown(retryAt),
    });
    this.#link = new Link({
      send: (message) => this.#signalling.send(message),
      needs: () => this.#needs(),
      onFlow: (flows) => this.#flowChanged(flows),
      onNegotiated: (peer) => this.#negotiated(peer),
      onNotGranted: () => this.#stopScreen(),
      onSilence: () => this.#signalling.restart(),
      onGiveUp: (code) => this.#finish({ kind: "failed", code }),
    });
    this.#snapshot = firstSnapshot(this.#local.sources, options.choice);
  }

  readonly snapshot = (): CallSnapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Runs until the call is over; the snapshot's state says how. */
  async run(): Promise<void> {
    void this.#local.open();
    const ticker = setInterval(() => void this.#measure(), STATS_EVERY_MS);
    const outcome = await this.#signalling.run();
    clearInterval(ticker);
    // Whoever was in the call and may not come back to it has missed its end.
    const missed = this.#snapshot.you !== null && outcome.kind === "failed" && outcome.code === "consultation_not_active";
    this.#finish(missed ? { kind: "ended", why: "ended" } : outcome);
  }

  leave(): void {
    this.#signalling.send({ type: "leave" });
    this.#finish({ kind: "ended", why: "left" });
  }

  readonly turn = (kind: DeviceKind, on: boolean): Promise<void> => this.#local.turn(kind, on);

  chooseDevice(kind: DeviceKind, deviceId: string | null): Promise<void> {
    return this.#local.chooseDevice(kind, deviceId);
  }

  readonly deviceOf = (kind: DeviceKind): string | null => this.#local.deviceOf(kind);

  chooseOutput(output: string | null): void {
    this.#update({ output });
    this.#remember();
  }

  share(on: boolean): Promise<void> {
    return this.#local.share(on);
  }

  consent(captions: boolean): void {
    this.#update({ consent: captions });
    this.#signalling.send({ type: "consent", captions });
    this.#remember();
  }

  #receive(message: ServerMessage, iceServers: RTCIceServer[]): void {
    switch (message.type) {
      case "welcome":
        return this.#welcome(message, iceServers);
      case "answer":
        return this.#link.answered(message.request, message.sdp);
      case "participant":
        this.#participants.set(message.participant.id, message.participant);
        return this.#participantsChanged();
      case "left":
        this.#participants.delete(message.id);
        return this.#participantsChanged();
      case "active_speakers":
        return this.#update({ activeSpeakers: message.ids });
      case "caption":
        return this.#options.onCaption({ type: "caption", caption: message.caption });
      case "silent":
        return this.#helpMicrophone(message.times);
      case "draining":
        return this.#update({ stopsAt: Date.now() + message.left_ms });
      case "caption_service":
        return this.#update({ captionService: message.service });
      case "error":
        if (message.request !== null) this.#link.refused(message.request, message.code);
        else if (message.code === "media_failed") this.#link.sessionFailed();
        return;
      case "ended":
        return; // The socket ends with this message, and `run` with the socket.
    }
  }

  #welcome(message: Extract<ServerMessage, { type: "welcome" }>, iceServers: RTCIceServer[]): void {
    this.#participants = new Map(message.participants.map((participant) => [participant.id, participant]));
    this.#update({
      signalling: { up: true },
      stopsAt: null,
      you: message.you,
      startedAt: Date.now() - message.elapsed_ms,
      participants: message.participants,
      captionService: message.caption_service,
      activeSpeakers: [],
    });
    this.#options.onCaption({ type: "history", captions: message.captions });
    this.#signalling.send({ type: "consent", captions: this.#snapshot.consent });
    this.#saidMuted.clear();
    this.#saidView = "";
    if (message.session_open) this.#sayMuted();
    this.#link.socketUp(iceServers, message.session_open);
  }

  #socketDown(retryAt: number): void {
    this.#update({ signalling: { up: false, retryAt } });
    this.#link.socketDown();
  }

  #participantsChanged(): void {
    this.#update({ participants: [...this.#participants.values()] });
    this.#link.negotiate();
  }

  #needs(): Needs {
    const { sources } = this.#local;
    return {
      publish: SOURCES.flatMap((source) =>
        sources[source].published ? [{ source, track: sources[source].track }] : [],
      ),
      receive: wantedTracks([...this.#participants.values()], this.#snapshot.you ?? ""),
    };
  }

  #flowChanged(flows: boolean): void {
    const { state } = this.#snapshot;
    if (flows) this.#update({ state: { name: "active" } });
    else if (state.name === "active") this.#update({ state: { name: "reconnecting", since: Date.now() } });
  }

  #negotiated(peer: Peer): void {
    // A device may have opened while the offer was under way.
    for (const { source, track } of this.#needs().publish) void peer.replaceTrack(source, track);
    this.#update({ media: peer.remoteMedia(), peerConnection: peer.connection });
    this.#sayMuted();
    this.#sayView();
  }

  #localChanged(source: TrackSource): void {
    void this.#link.peer?.replaceTrack(source, this.#local.sources[source].track);
    this.#update({ local: this.#local.sources });
    this.#remember();
    this.#sayMuted();
    this.#link.negotiate();
  }

  /** Tells the server which published sources are silent, as far as it does not know. */
  #sayMuted(): void {
    if (this.#link.peer?.opened !== true) return;
    for (const source of SOURCES) {
      const muted = isMuted(this.#local.sources[source]);
      if (!this.#link.peer.publishes(source) || this.#saidMuted.get(source) === muted) continue;
      if (this.#signalling.send({ type: "mute", source, muted })) this.#saidMuted.set(source, muted);
    }
  }

  /** Tells the server how large the others are shown, when that is news. */
  #sayView(): void {
    if (this.#link.peer?.opened !== true) return;
    const message = { type: "view", tiles: this.view.tiles() } as const;
    const said = JSON.stringify(message);
    if (said !== this.#saidView && this.#signalling.send(message)) this.#saidView = said;
  }

  /** Nothing of it arrives at the server: the device is at fault (another app, Bluetooth), or the way there; in turns. */
  #helpMicrophone(times: number): void {
    if (times % 2 === 1) void this.#local.chooseDevice("microphone", this.#local.deviceOf("microphone"));
    else this.#link.restartIce();
  }

  #stopScreen(): boolean {
    if (!this.#local.sources.screen.published) return false;
    void this.#local.share(false);
    return true;
  }

  async #measure(): Promise<void> {
    if (this.#snapshot.state.name === "active") this.#update({ stats: await this.#link.measure() });
  }

  #remember(): void {
    const { microphone, camera } = this.#local.sources;
    saveChoice(this.#options.consultation, {
      microphone: { deviceId: this.#local.deviceOf("microphone"), on: microphone.on },
      camera: { deviceId: this.#local.deviceOf("camera"), on: camera.on },
      speaker: this.#snapshot.output,
      captions: this.#snapshot.consent,
    });
  }

  #finish(outcome: Outcome): void {
    const { name } = this.#snapshot.state;
    if (name === "ended" || name === "failed") return;
    this.#link.close();
    this.#abort.abort();
    this.#update({
      state: outcome.kind === "ended" ? { name: "ended", why: outcome.why } : { name: "failed", code: outcome.code },
    });
  }

  #update(change: Partial<CallSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}
