/** What a person chose in the lobby, kept for this tab: a reload in the middle of a call must not ask again. */

import type { DeviceKind } from "./devices";

export interface DeviceChoice {
  /** null: whatever the browser takes. */
  deviceId: string | null;
  on: boolean;
}

export interface Choice extends Record<DeviceKind, DeviceChoice> {
  speaker: string | null;
  /** May my words be captioned and kept in the transcript? */
  captions: boolean;
}

export const FIRST_CHOICE: Choice = {
  microphone: { deviceId: null, on: true },
  camera: { deviceId: null, on: true },
  speaker: null,
  captions: false,
};

const key = (consultation: string): string => `auscult.choice.${consultation}`;

export function saveChoice(consultation: string, choice: Choice): void {
  sessionStorage.setItem(key(consultation), JSON.stringify(choice));
}

/** null when nothing was chosen in this tab. */
export function loadChoice(consultation: string): Choice | null {
  const stored = sessionStorage.getItem(key(consultation));
  if (stored === null) return null;
  try {
    const value: unknown = JSON.parse(stored);
    return isChoice(value) ? value : null;
  } catch {
    return null;
  }
}

function isChoice(value: unknown): value is Choice {
  if (typeof value !== "object" || value === null) return false;
  const { microphone, camera, speaker, captions } = value as Record<string, unknown>;
  return (
    isDevice(microphone) &&
    isDevice(camera) &&
    (speaker === null || typeof speaker === "string") &&
    typeof captions === "boolean"
  );
}

function isDevice(value: unknown): value is DeviceChoice {
  if (typeof value !== "object" || value === null) return false;
  const { deviceId, on } = value as Record<string, unknown>;
  return (deviceId === null || typeof deviceId === "string") && typeof on === "boolean";
}
