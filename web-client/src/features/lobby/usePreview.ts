import { useEffect, useState } from "react";

import { isMuted } from "../../rtc/local";
import type { Choice } from "../../rtc/choice";
import type { DeviceKind } from "../../rtc/devices";
import { LocalMedia, type LocalSources, OFF } from "../../rtc/local";

export interface Preview {
  sources: LocalSources;
  turn: (kind: DeviceKind, on: boolean) => void;
  chooseDevice: (kind: DeviceKind, deviceId: string | null) => void;
  /** Which devices, and whether they are on. A device that does not work counts as off. */
  choice: () => Pick<Choice, DeviceKind>;
}

/** Camera and microphone as they would be in the call; released when the component goes. */
export function usePreview(initial: Choice): Preview {
  const [local, setLocal] = useState<LocalMedia | null>(null);
  const [sources, setSources] = useState<LocalSources>({ microphone: OFF, camera: OFF, screen: OFF });
  useEffect(() => {
    const abort = new AbortController();
    const media = new LocalMedia(initial, () => setSources(media.sources), abort.signal);
    // oxlint-disable-next-line react/set-state-in-effect -- the devices are open exactly as long as this effect
    setLocal(media);
    setSources(media.sources);
    void media.open();
    return () => abort.abort();
  }, [initial]);
  const chosen = (kind: DeviceKind) => ({
    deviceId: local?.deviceOf(kind) ?? null,
    on: !isMuted(sources[kind]),
  });
  return {
    sources,
    turn: (kind, on) => void local?.turn(kind, on),
    chooseDevice: (kind, deviceId) => void local?.chooseDevice(kind, deviceId),
    choice: () => ({ microphone: chosen("microphone"), camera: chosen("camera") }),
  };
}
