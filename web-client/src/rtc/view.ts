/**
 * What this screen shows of the others. The server is told, so that nobody is sent more picture than they can see: a
 * small tile gets a small picture, a hidden one none.
 */

import type { ShownTile } from "../api/messages";
import type { RemoteTrack } from "./lines";

/** Sizes change in bursts while a window is dragged. */
const SETTLES_AFTER_MS = 150;

/** An element that shows a track; sizes in CSS pixels. */
export interface Shown extends RemoteTrack {
  width: number;
  height: number;
  /** No part of it is scrolled or covered away completely. */
  visible: boolean;
}

/** One entry per track, the largest of the elements that show it, in device pixels. */
export function tilesOf(shown: Iterable<Shown>, pixelRatio: number, pageHidden: boolean): ShownTile[] {
  const tiles = new Map<string, ShownTile>();
  for (const { participant, source, ...size } of shown) {
    const scale = size.visible && !pageHidden ? pixelRatio : 0;
    const [width, height] = [Math.round(size.width * scale), Math.round(size.height * scale)];
    const known = tiles.get(`${participant}/${source}`);
    if (known === undefined || known.width * known.height < width * height) {
      tiles.set(`${participant}/${source}`, { participant, source, width, height });
    }
  }
  return [...tiles.values()];
}

export class View {
  readonly #onChange: () => void;
  readonly #elements = new Map<Element, Shown>();
  readonly #sizes: ResizeObserver;
  readonly #places: IntersectionObserver;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `onChange` is called soon after something has changed, once for many changes. */
  constructor(onChange: () => void, signal: AbortSignal) {
    this.#onChange = onChange;
    this.#sizes = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) this.#set(target, contentRect);
    });
    this.#places = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this.#set(target, { visible: isIntersecting });
    });
    document.addEventListener("visibilitychange", () => this.#changed(), { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      this.#sizes.disconnect();
      this.#places.disconnect();
    });
  }

  /** Until the returned function is called, `element` shows the track. */
  watch(element: Element, track: RemoteTrack): () => void {
    const { width, height } = element.getBoundingClientRect();
    this.#elements.set(element, { ...track, width, height, visible: true });
    this.#sizes.observe(element);
    this.#places.observe(element);
    this.#changed();
    return () => {
      this.#elements.delete(element);
      this.#sizes.unobserve(element);
      this.#places.unobserve(element);
      this.#changed();
    };
  }

  tiles(): ShownTile[] {
    return tilesOf(this.#elements.values(), window.devicePixelRatio, document.visibilityState === "hidden");
  }

  #set(element: Element, change: { width: number; height: number } | { visible: boolean }): void {
    const shown = this.#elements.get(element);
    if (shown === undefined) return;
    if ("visible" in change) shown.visible = change.visible;
    else [shown.width, shown.height] = [change.width, change.height];
    this.#changed();
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onChange, SETTLES_AFTER_MS);
  }
}
