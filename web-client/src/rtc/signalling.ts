/**
 * The signalling socket: authenticates with a fresh ticket, comes back by itself until it is told why not, and hands
 * over typed messages. It keeps nothing: what was not sent or not received is derived again from `welcome`.
 */

import { type ClientMessage, PROTOCOL_VERSION, type ServerMessage, type SignalError } from "../api/messages";
import { backoffMs, pause } from "./backoff";
import { type Outcome, type SocketEnd, socketEnd } from "./failure";

const WELCOME_WITHIN_MS = 5_000;
/** Protocol violations and refused tickets in a row before giving up. */
const MAX_SUSPECT_ENDS = 4;

export interface Ticket {
  ticket: string;
  iceServers: RTCIceServer[];
}

/** `unreachable` is tried again; an outcome is not. */
export type TicketResult = { kind: "ticket"; ticket: Ticket } | { kind: "unreachable" } | Outcome;

export interface SignallingOptions {
  url: string;
  requestTicket: (signal: AbortSignal) => Promise<TicketResult>;
  signal: AbortSignal;
  onMessage: (message: ServerMessage, iceServers: RTCIceServer[]) => void;
  /** The socket is gone; the next attempt is made at `retryAt` (milliseconds since the epoch). */
  onDown: (retryAt: number) => void;
}

export class Signalling {
  readonly #options: SignallingOptions;
  #socket: WebSocket | null = null;
  #drop: () => void = () => undefined;

  constructor(options: SignallingOptions) {
    this.#options = options;
  }

  /** Runs until the call is over or `signal` aborts; never rejects. */
  async run(): Promise<Outcome> {
    const { signal, onDown } = this.#options;
    let attempt = 0;
    let suspects = 0;
    while (!signal.aborted) {
      let welcomed = false;
      const end = await this.#connection(() => {
        welcomed = true;
      });
      if (end.kind === "final") return end.outcome;
      if (signal.aborted) break;
      if (welcomed) attempt = 0;
      suspects = end.kind === "suspect" ? suspects + 1 : 0;
      if (suspects >= MAX_SUSPECT_ENDS) return { kind: "failed", code: "malformed_message" };
      const wait = backoffMs(attempt);
      attempt += 1;
      onDown(Date.now() + wait);
      await pause(wait, signal);
    }
    return { kind: "ended", why: "left" };
  }

  /** False when there is no open socket; nothing is queued. */
  send(message: ClientMessage): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Drops a socket that no longer answers; `run` opens another. */
  restart(): void {
    this.#drop();
  }

  async #connection(onWelcome: () => void): Promise<SocketEnd> {
    const result = await this.#options.requestTicket(this.#options.signal);
    if (this.#options.signal.aborted || result.kind === "unreachable") return { kind: "retry" };
    if (result.kind !== "ticket") return { kind: "final", outcome: result };
    return await this.#socketLife(result.ticket, onWelcome);
  }

  #socketLife({ ticket, iceServers }: Ticket, onWelcome: () => void): Promise<SocketEnd> {
    const { url, signal, onMessage } = this.#options;
    return new Promise((resolve) => {
      const socket = new WebSocket(url);
      this.#socket = socket;
      let lastError: SignalError | null = null;
      let over = false;
      // `close` of a dead connection is reported late: what follows must not wait for it.
      const finish = (end: SocketEnd): void => {
        if (over) return;
        over = true;
        clearTimeout(welcomeTimer);
        signal.removeEventListener("abort", abort);
        if (this.#socket === socket) this.#socket = null;
        socket.close();
        resolve(end);
      };
      const abort = (): void => finish({ kind: "retry" });
      const welcomeTimer = setTimeout(abort, WELCOME_WITHIN_MS);
      signal.addEventListener("abort", abort);
      socket.onopen = () => {
        const hello: ClientMessage = { type: "authenticate", version: PROTOCOL_VERSION, ticket };
        socket.send(JSON.stringify(hello));
      };
      socket.onmessage = ({ data }) => {
        if (over) return;
        const message = parse(data);
        if (message === null) return;
        if (message.type === "welcome") {
          clearTimeout(welcomeTimer);
          onWelcome();
        }
        if (message.type === "error" && message.request === null) lastError = message.code;
        onMessage(message, iceServers);
        if (message.type === "ended") finish({ kind: "final", outcome: { kind: "ended", why: "ended" } });
      };
      socket.onclose = ({ code }) => finish(socketEnd(code, lastError));
      this.#drop = abort;
    });
  }
}

/** Text frames of our own server; anything else is ignored rather than trusted. */
function parse(data: unknown): ServerMessage | null {
  if (typeof data !== "string") return null;
  try {
    const value: unknown = JSON.parse(data);
    return isMessage(value) ? value : null;
  } catch {
    return null;
  }
}

function isMessage(value: unknown): value is ServerMessage {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
