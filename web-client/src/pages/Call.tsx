import { useState } from "react";
import { Navigate, useParams } from "react-router";

import { CallRoom } from "../features/call/CallRoom";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { loadChoice } from "../rtc/choice";

/** /consultations/:id/call — who has not been in the lobby in this tab goes there first. */
export function Call() {
  usePageTitle(t.call.callTitle);
  const { id = "" } = useParams();
  // Read anew for every attempt: the call keeps it up to date.
  const [attempt, setAttempt] = useState(() => ({ number: 0, choice: loadChoice(id) }));
  if (attempt.choice === null) return <Navigate to={`/consultations/${id}/lobby`} replace />;
  return (
    <CallRoom
      key={attempt.number}
      consultationId={id}
      choice={attempt.choice}
      onRejoin={() => setAttempt({ number: attempt.number + 1, choice: loadChoice(id) })}
    />
  );
}
