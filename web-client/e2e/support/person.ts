/** Someone who takes part: signs in, goes through the lobby, is in the call, looks at what arrives. */
import type { Account, Server } from "./server";
import { type Tab, testid } from "./tab";
import { until } from "./until";

/** A caption as it stands on the screen. */
export interface ShownCaption {
  participant: string;
  state: string;
  /** The name before the words. */
  speaker: string;
  words: string;
}

/** What one peer connection received so far, without streams that never carried anything. */
export interface Received {
  /** By the sender's participant id. */
  framesDecoded: Record<string, number>;
  /** Lines of the last decoded frame, by `participant/source` like the above. */
  frameHeight: Record<string, number>;
  audioEnergy: number;
  audioPackets: number;
  audioStreams: number;
}

interface ApiAnswer {
  status: number;
  body: unknown;
}

export class Person {
  private csrf = "";

  constructor(
    readonly tab: Tab,
    readonly server: Server,
  ) {}

  /** Signs in as the page's own script would, without typing. */
  async signIn(account: Account): Promise<void> {
    await this.tab.goto(`${this.server.url}/signin`);
    const { email, password } = account;
    const session = await this.api<{ csrf_token: string }>("POST", "/session", { email, password });
    this.csrf = session.csrf_token;
  }

  /** Goes on in the session that the page is in. */
  async resume(): Promise<void> {
    this.csrf = (await this.api<{ csrf_token: string }>("GET", "/session")).csrf_token;
  }

  /** A call of the API from inside the page, with its cookie; throws unless it succeeds. */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: answer } = await this.ask(method, path, body);
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer as T;
  }

  async ask(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const headers = { "X-CSRF-Token": this.csrf, ...(body ? { "Content-Type": "application/json" } : {}) };
    const init: RequestInit = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    return this.tab.evaluate(
      async (request) => {
        const response = await fetch(request.url, request.init);
        const text = await response.text();
        return { status: response.status, body: text ? (JSON.parse(text) as unknown) : null };
      },
      { url: `/api/v1${path}`, init },
    );
  }

  /** Opens the lobby and waits until it shows the camera. */
  async enterLobby(consultation: string): Promise<void> {
    await this.tab.goto(`${this.server.url}/consultations/${consultation}/lobby`);
    await this.cameraShown();
  }

  async cameraShown(): Promise<void> {
    await until("the camera preview", () =>
      this.tab.evaluate(() => {
        const video = document.querySelector<HTMLVideoElement>('[data-testid="lobby-preview"] video');
        return (video?.videoWidth ?? 0) > 0;
      }),
    );
  }

  /** Consents or not, and joins from the lobby. */
  async join({ captions = true } = {}): Promise<void> {
    await this.setConsentInLobby(captions);
    await this.tab.click(testid("lobby-join"));
    await this.inCall();
  }

  private async setConsentInLobby(captions: boolean): Promise<void> {
    const given = await this.tab.evaluate(
      () => document.querySelector('[data-testid="lobby-consent"]')?.getAttribute("aria-checked") === "true",
    );
    if (given !== captions) await this.tab.click(testid("lobby-consent"));
  }

  /** Waits until the call's own media connection is up. */
  async inCall(): Promise<void> {
    await until("the call to connect", () =>
      this.tab.evaluate(() => {
        const root = document.querySelector<Element & { peerConnection?: RTCPeerConnection }>('[data-testid="call-root"]');
        return root?.peerConnection?.connectionState === "connected";
      }),
    );
  }

  async received(): Promise<Received> {
    return this.tab.evaluate(async () => {
      const root = document.querySelector<Element & { peerConnection?: RTCPeerConnection }>('[data-testid="call-root"]');
      const received: Received = { framesDecoded: {}, frameHeight: {}, audioEnergy: 0, audioPackets: 0, audioStreams: 0 };
      const statsOf = new Map<string, { framesDecoded?: number; frameHeight?: number; kind: string }>();
      for (const report of ((await root?.peerConnection?.getStats()) ?? new Map()).values()) {
        if (report.type !== "inbound-rtp") continue;
        statsOf.set(report.trackIdentifier, report);
        if (report.kind === "audio" && report.totalSamplesReceived > 0) {
          received.audioStreams += 1;
          received.audioPackets += report.packetsReceived ?? 0;
          received.audioEnergy += report.totalAudioEnergy ?? 0;
        }
      }
      for (const video of document.querySelectorAll<HTMLVideoElement>("video[data-participant]")) {
        const track = (video.srcObject as MediaStream | null)?.getVideoTracks()[0];
        const stats = track && statsOf.get(track.id);
        if (!stats?.framesDecoded) continue;
        const shown = `${video.dataset["participant"]}/${video.dataset["source"]}`;
        received.framesDecoded[shown] = stats.framesDecoded;
        received.frameHeight[shown] = stats.frameHeight ?? 0;
      }
      return received;
    });
  }

  /** Waits until the video of `count` others is being decoded; gives the milliseconds that took. */
  async sees(count: number, within = 20_000): Promise<number> {
    const start = Date.now();
    await until(
      `video of ${count} others`,
      async () => Object.keys((await this.received()).framesDecoded).length >= count,
      { within },
    );
    return Date.now() - start;
  }

  async captionsOnScreen(): Promise<ShownCaption[]> {
    return this.tab.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('[data-testid="caption-line"]')].map((line) => {
        const [speaker = "", ...said] = line.innerText.split(": ");
        const { participant = "", state = "" } = line.dataset;
        return { participant, state, speaker, words: said.join(": ") };
      }),
    );
  }

  async bodyText(): Promise<string> {
    return this.tab.evaluate(() => document.body.innerText);
  }
}

interface Consultation {
  id: string;
  participant_id: string;
  started_at: number | null;
}

/** From request to open: what comes before a call, through the API. */
export async function openConsultation(doctor: Person, patient: Person): Promise<Consultation> {
  const requested = await patient.api<Consultation>("POST", "/consultations", { reason: "Follow-up", specialty: "" });
  await doctor.api("POST", `/consultations/${requested.id}/accept`);
  return doctor.api("POST", `/consultations/${requested.id}/start`);
}
