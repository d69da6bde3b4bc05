import { useState } from "react";

export type CaptionSize = "small" | "medium" | "large";

export interface CaptionPreferences {
  shown: boolean;
  size: CaptionSize;
}

const KEY = "auscult.captions";
const DEFAULT: CaptionPreferences = { shown: true, size: "medium" };

/** Whether and how large this person wants captions; kept on this device. */
export function useCaptionPreferences(): [CaptionPreferences, (change: Partial<CaptionPreferences>) => void] {
  const [preferences, setPreferences] = useState(load);
  const change = (changed: Partial<CaptionPreferences>) => {
    const next = { ...preferences, ...changed };
    setPreferences(next);
    try {
      localStorage.setItem(KEY, JSON.stringify(next));
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  };
  return [preferences, change];
}

function load(): CaptionPreferences {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "null") as Partial<CaptionPreferences> | null;
    const size = stored?.size;
    return {
      shown: stored?.shown ?? DEFAULT.shown,
      size: size === "small" || size === "large" ? size : DEFAULT.size,
    };
  } catch {
    return DEFAULT;
  }
}
