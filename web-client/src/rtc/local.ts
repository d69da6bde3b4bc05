/**
 * What this person sends: microphone, camera, screen. Opens and releases the devices, notices when one is lost and
 * takes it back when it returns. Knows nothing of peer connections.
 */

import type { TrackSource } from "../api/messages";
import type { Choice } from "./choice";
import { type Acquired, type DeviceKind, type DeviceProblem, onDeviceChange, openBoth, openDevice, openScreen } from "./devices";

/** A microphone that the system has muted for this long is reported. */
const SILENCED_AFTER_MS = 2_000;

export interface LocalSource {
  /** An m-line for it should exist. Stays true once it was on (the screen: only while it is shared). */
  published: boolean;
  on: boolean;
  track: MediaStreamTrack | null;
  problem: DeviceProblem | null;
}

export type LocalSources = Readonly<Record<TrackSource, LocalSource>>;

export const OFF: LocalSource = { published: false, on: false, track: null, problem: null };

export class LocalMedia {
  #sources: LocalSources = { microphone: OFF, camera: OFF, screen: OFF };
  readonly #devices: Record<DeviceKind, string | null>;
  readonly #onChange: (source: TrackSource) => void;
  /** Counts the wishes for each source: a device that opens after a newer wish is closed again. */
  readonly #wishes: Record<TrackSource, number> = { microphone: 0, camera: 0, screen: 0 };
  readonly #signal: AbortSignal;

  constructor(choice: Choice, onChange: (source: TrackSource) => void, signal: AbortSignal) {
    this.#devices = { microphone: choice.microphone.deviceId, camera: choice.camera.deviceId };
    this.#onChange = onChange;
    this.#signal = signal;
    for (const kind of ["microphone", "camera"] as const) {
      if (choice[kind].on) this.#set(kind, { published: true, on: true });
    }
    onDeviceChange(() => this.#retryMissing(), signal);
    signal.addEventListener("abort", () => this.#close());
  }

  get sources(): LocalSources {
    return this.#sources;
  }

  deviceOf(kind: DeviceKind): string | null {
    return this.#devices[kind];
  }

  /** Opens what the choice has on. */
  async open(): Promise<void> {
    const { microphone, camera } = this.#sources;
    if (!microphone.on || !camera.on) {
      if (microphone.on) await this.#open("microphone");
      if (camera.on) await this.#open("camera");
      return;
    }
    const wishes = { microphone: this.#wish("microphone"), camera: this.#wish("camera") };
    const opened = await openBoth(this.#devices.microphone, this.#devices.camera);
    for (const kind of ["microphone", "camera"] as const) this.#take(kind, wishes[kind], opened[kind]);
  }

  /** A microphone that is off stays open and sends silence; a camera that is off is released and its light goes out. */
  async turn(kind: DeviceKind, on: boolean): Promise<void> {
    const { track } = this.#sources[kind];
    if (kind === "microphone" && track !== null) {
      track.enabled = on;
      this.#update(kind, { on });
      return;
    }
    if (on) {
      this.#update(kind, { published: true, on: true, problem: null });
      await this.#open(kind);
      return;
    }
    this.#wish(kind);
    track?.stop();
    this.#update(kind, { on: false, track: null, problem: null });
  }

  async chooseDevice(kind: DeviceKind, deviceId: string | null): Promise<void> {
    this.#devices[kind] = deviceId;
    if (this.#sources[kind].on) await this.#open(kind);
    else this.#release(kind);
  }

  async share(on: boolean): Promise<void> {
    const wish = this.#wish("screen");
    if (!on) {
      this.#sources.screen.track?.stop();
      this.#update("screen", OFF);
      return;
    }
    const { track, problem } = await openScreen();
    if (wish !== this.#wishes.screen || this.#signal.aborted) {
      track?.stop();
      return;
    }
    track?.addEventListener("ended", () => void this.share(false));
    this.#update("screen", { published: track !== null, on: track !== null, track, problem });
  }

  async #open(kind: DeviceKind): Promise<void> {
    const wish = this.#wish(kind);
    this.#take(kind, wish, await openDevice(kind, this.#devices[kind]));
  }

  #wish(source: TrackSource): number {
    this.#wishes[source] += 1;
    return this.#wishes[source];
  }

  #take(kind: DeviceKind, wish: number, { track, problem }: Acquired): void {
    if (wish !== this.#wishes[kind] || this.#signal.aborted) {
      track?.stop();
      return;
    }
    this.#sources[kind].track?.stop();
    if (track !== null) {
      track.enabled = this.#sources[kind].on;
      this.#watch(kind, track);
    }
    this.#update(kind, { track, problem });
  }

  #watch(kind: DeviceKind, track: MediaStreamTrack): void {
    const isCurrent = (): boolean => this.#sources[kind].track === track;
    let timer: ReturnType<typeof setTimeout> | undefined;
    track.onended = () => {
      if (!isCurrent()) return;
      this.#update(kind, { track: null, problem: "disconnected" });
      void this.#open(kind);
    };
    track.onmute = () => {
      timer = setTimeout(() => {
        if (isCurrent() && track.muted) this.#update(kind, { problem: "silenced_by_system" });
      }, SILENCED_AFTER_MS);
    };
    track.onunmute = () => {
      clearTimeout(timer);
      if (isCurrent()) this.#update(kind, { problem: null });
    };
  }

  #retryMissing(): void {
    for (const kind of ["microphone", "camera"] as const) {
      const { on, track, problem } = this.#sources[kind];
      if (on && track === null && problem !== null && problem !== "permission_denied") void this.#open(kind);
    }
  }

  #release(kind: DeviceKind): void {
    this.#wish(kind);
    this.#sources[kind].track?.stop();
    this.#update(kind, { track: null });
  }

  #close(): void {
    for (const { track } of Object.values(this.#sources)) track?.stop();
  }

  #set(source: TrackSource, change: Partial<LocalSource>): void {
    this.#sources = { ...this.#sources, [source]: { ...this.#sources[source], ...change } };
  }

  #update(source: TrackSource, change: Partial<LocalSource>): void {
    this.#set(source, change);
    this.#onChange(source);
  }
}

export const SOURCES: readonly TrackSource[] = ["microphone", "camera", "screen"];

/** Nothing comes from it: switched off, or its device is missing (not: still opening). */
export function isMuted({ on, track, problem }: LocalSource): boolean {
  return !on || (track === null && problem !== null);
}
