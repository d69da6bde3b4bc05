import { useEffect, useState } from "react";

import { type DeviceLists, listDevices, onDeviceChange } from "../../rtc/devices";

const NONE: DeviceLists = { microphones: [], cameras: [], speakers: [] };

/** What is plugged in right now. Names appear once a device was allowed: `allowed` changing asks again. */
export function useDeviceLists(allowed: unknown): DeviceLists {
  const [lists, setLists] = useState(NONE);
  useEffect(() => {
    const abort = new AbortController();
    const refresh = async () => {
      const found = await listDevices();
      if (!abort.signal.aborted) setLists(found);
    };
    onDeviceChange(() => void refresh(), abort.signal);
    void refresh();
    return () => abort.abort();
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- what the browser tells changes with it
  }, [allowed]);
  return lists;
}
