import { Navigate } from "react-router";

import { t } from "../../lib/i18n";
import type { Call, CallState } from "../../rtc/call";
import type { Choice } from "../../rtc/choice";
import { Button, ButtonLink } from "../../ui/Button";
import { ErrorState } from "../../ui/ErrorState";
import { Spinner } from "../../ui/Spinner";
import type { Captions } from "../captions/captions";
import { CallView } from "./CallView";
import { useCall, useSnapshot } from "./useCall";

interface CallRoomProps {
  consultationId: string;
  choice: Choice;
  onRejoin: () => void;
}

/** From joining to the end, whatever the end is. */
export function CallRoom({ consultationId, choice, onRejoin }: CallRoomProps) {
  const running = useCall(consultationId, choice);
  if (running === null) {
    return (
      <main className="flex min-h-dvh items-center justify-center gap-3">
        <Spinner />
        {t.call.connecting}
      </main>
    );
  }
  return <Room {...running} consultationId={consultationId} onRejoin={onRejoin} />;
}

interface RoomProps {
  call: Call;
  captions: Captions;
  consultationId: string;
  onRejoin: () => void;
}

function Room({ call, captions, consultationId, onRejoin }: RoomProps) {
  const snapshot = useSnapshot(call);
  const { state } = snapshot;
  if (state.name === "failed" || (state.name === "ended" && state.why === "replaced")) {
    return <Over state={state} consultationId={consultationId} onRejoin={onRejoin} />;
  }
  if (state.name === "ended") return <Navigate to={`/consultations/${consultationId}`} replace />;
  return <CallView call={call} snapshot={snapshot} captions={captions} consultationId={consultationId} />;
}

interface OverProps {
  state: Extract<CallState, { name: "ended" | "failed" }>;
  consultationId: string;
  onRejoin: () => void;
}

function Over({ state, consultationId, onRejoin }: OverProps) {
  const replaced = state.name === "ended";
  return (
    <main className="mx-auto flex min-h-dvh max-w-xl flex-col justify-center p-4">
      <h1 className="sr-only">{t.call.callTitle}</h1>
      <ErrorState
        code={replaced ? "replaced" : state.code}
        action={
          <>
            <ButtonLink variant="secondary" to={`/consultations/${consultationId}`}>
              {t.call.toConsultation}
            </ButtonLink>
            <Button onClick={onRejoin}>{replaced ? t.call.rejoinHere : t.call.rejoin}</Button>
          </>
        }
      />
    </main>
  );
}
