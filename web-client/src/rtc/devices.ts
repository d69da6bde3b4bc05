/** Cameras, microphones and speakers: opening them, naming what went wrong, and remembering the choice. */

export type DeviceKind = "microphone" | "camera";

/** Everything that can be wrong with a device; each has a sentence in the locale file. */
export type DeviceProblem =
  | "permission_denied"
  | "not_found"
  | "in_use"
  | "unsupported"
  | "insecure_page"
  | "disconnected"
  | "silenced_by_system"
  | "unknown";

export type Acquired = { track: MediaStreamTrack; problem: null } | { track: null; problem: DeviceProblem };

export interface DeviceLists {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

const CONSTRAINTS: Record<DeviceKind, MediaTrackConstraints> = {
  microphone: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
};

/** The name of a getUserMedia failure, as a member of the closed set. */
export function problemOf(error: unknown): DeviceProblem {
  if (!(error instanceof Error || error instanceof DOMException)) return "unknown";
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "permission_denied";
    case "NotFoundError":
      return "not_found";
    case "NotReadableError":
    case "AbortError":
      return "in_use";
    case "OverconstrainedError":
      return "unsupported";
    default:
      return "unknown";
  }
}

/**
 * Opens a device: the chosen one, else (unplugged since, or unable to do what we ask) any of its kind, else any of its
 * kind without wishes about resolution.
 */
export async function openDevice(kind: DeviceKind, deviceId: string | null): Promise<Acquired> {
  if (!canCapture()) return { track: null, problem: "insecure_page" };
  const wishes = CONSTRAINTS[kind];
  const attempts: (MediaTrackConstraints | true)[] =
    deviceId === null ? [wishes, true] : [{ ...wishes, deviceId: { exact: deviceId } }, wishes, true];
  let problem: DeviceProblem = "unknown";
  for (const constraints of attempts) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(
        kind === "microphone" ? { audio: constraints } : { video: constraints },
      );
      const track = stream.getTracks()[0];
      if (track === undefined) return { track: null, problem: "not_found" };
      if (kind === "camera") track.contentHint = "motion";
      return { track, problem: null };
    } catch (error) {
      problem = problemOf(error);
      if (problem === "permission_denied") break;
    }
  }
  return { track: null, problem };
}

/** Asks for both at once, so that the browser shows one question; if that fails, single questions find out why. */
export async function openBoth(
  microphone: string | null,
  camera: string | null,
): Promise<Record<DeviceKind, Acquired>> {
  if (canCapture() && microphone === null && camera === null) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: CONSTRAINTS.microphone,
        video: CONSTRAINTS.camera,
      });
      const [audio] = stream.getAudioTracks();
      const [video] = stream.getVideoTracks();
      if (audio !== undefined && video !== undefined) {
        video.contentHint = "motion";
        return { microphone: { track: audio, problem: null }, camera: { track: video, problem: null } };
      }
    } catch {
      // One of the two is missing or refused.
    }
  }
  const [audio, video] = await Promise.all([openDevice("microphone", microphone), openDevice("camera", camera)]);
  return { microphone: audio, camera: video };
}

/** The screen or window that the person picks; a cancelled picker is `permission_denied`. */
export async function openScreen(): Promise<Acquired> {
  if (!canShareScreen()) return { track: null, problem: "unsupported" };
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } } });
    const track = stream.getVideoTracks()[0];
    if (track === undefined) return { track: null, problem: "not_found" };
    track.contentHint = "detail";
    return { track, problem: null };
  } catch (error) {
    return { track: null, problem: problemOf(error) };
  }
}

/** Phones cannot share their screen. */
export function canShareScreen(): boolean {
  return canCapture() && "getDisplayMedia" in navigator.mediaDevices;
}

/** Browsers offer devices to secure pages only. */
function canCapture(): boolean {
  return "mediaDevices" in navigator;
}

/** Names are empty until the person has allowed a device of that kind. */
export async function listDevices(): Promise<DeviceLists> {
  const devices = canCapture() ? await navigator.mediaDevices.enumerateDevices() : [];
  const of = (kind: MediaDeviceKind): MediaDeviceInfo[] =>
    devices.filter((device) => device.kind === kind && device.deviceId !== "");
  return { microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") };
}

/** Calls back when something is plugged in or out, until `signal` aborts. */
export function onDeviceChange(callback: () => void, signal: AbortSignal): void {
  if (canCapture()) navigator.mediaDevices.addEventListener("devicechange", callback, { signal });
}

export interface LevelMeter {
  /** Loudness right now, 0 (silence, −60 dBFS and below) to 1 (−10 dBFS and above). */
  level: () => number;
  close: () => void;
}

export function meterLevel(track: MediaStreamTrack): LevelMeter {
  const context = new AudioContext();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level: () => {
      analyser.getFloatTimeDomainData(samples);
      return loudness(samples);
    },
    close: () => {
      source.disconnect();
      void context.close();
    },
  };
}

/** Root mean square of samples in −1…1, on the scale of `LevelMeter.level`. */
export function loudness(samples: ArrayLike<number>): number {
  let power = 0;
  for (let at = 0; at < samples.length; at += 1) power += (samples[at] ?? 0) ** 2;
  const decibels = 10 * Math.log10(power / Math.max(1, samples.length) + 1e-12);
  return Math.min(1, Math.max(0, (decibels + 60) / 50));
}

/** Plays three rising notes (1.2 s) on a speaker; resolves when they are over. */
export async function playTestSound(speaker: string | null): Promise<void> {
  const context = new AudioContext();
  const output = context.createMediaStreamDestination();
  [523.25, 659.25, 783.99].forEach((frequency, at) => {
    const start = context.currentTime + 0.1 + at * 0.35;
    const gain = context.createGain();
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.25, start + 0.03);
    gain.gain.exponentialRampToValueAtTime(0.001, start + 0.34);
    const note = new OscillatorNode(context, { frequency });
    note.connect(gain).connect(output);
    note.start(start);
    note.stop(start + 0.35);
  });
  const audio = new Audio();
  audio.srcObject = output.stream;
  try {
    await playOn(audio, speaker);
    await audio.play();
    await new Promise((resolve) => setTimeout(resolve, 1_300));
  } finally {
    audio.srcObject = null;
    await context.close();
  }
}

/** Not every browser can choose; then the system's speaker is used. */
export function canChooseSpeaker(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** Sends an element's sound to a speaker; one that is gone falls back to the system's. */
export async function playOn(element: HTMLMediaElement, speaker: string | null): Promise<void> {
  if (!canChooseSpeaker()) return;
  try {
    await element.setSinkId(speaker ?? "");
  } catch {
    await element.setSinkId("");
  }
}
