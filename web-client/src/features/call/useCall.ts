import { useEffect, useReducer, useState, useSyncExternalStore } from "react";

import { Call, type CallSnapshot } from "../../rtc/call";
import type { Choice } from "../../rtc/choice";
import { applyCaption, type Captions } from "../captions/captions";
import { requestTicket, signalUrl } from "./ticket";

interface Running {
  call: Call;
  captions: Captions;
}

/** Takes part in a call as long as the component is mounted; null in the very first render. */
export function useCall(consultation: string, choice: Choice): Running | null {
  const [call, setCall] = useState<Call | null>(null);
  const [captions, onCaption] = useReducer(applyCaption, []);
  useEffect(() => {
    const started = new Call({
      consultation,
      signalUrl: signalUrl(),
      requestTicket: (signal) => requestTicket(consultation, signal),
      choice,
      onCaption,
    });
    // oxlint-disable-next-line react/set-state-in-effect -- the call lives exactly as long as this effect
    setCall(started);
    void started.run();
    return () => started.leave();
  }, [consultation, choice]);
  return call === null ? null : { call, captions };
}

export function useSnapshot(call: Call): CallSnapshot {
  return useSyncExternalStore(call.subscribe, call.snapshot);
}
