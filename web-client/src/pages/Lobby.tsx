import { useParams } from "react-router";

import { useConsultation } from "../features/consultation/queries";
import { LobbyRoom } from "../features/lobby/LobbyRoom";
import { useUser } from "../features/session/RequireSession";
import { codeOf } from "../lib/errors";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ErrorState } from "../ui/ErrorState";
import { Skeleton } from "../ui/Skeleton";

/** /consultations/:id/lobby */
export function Lobby() {
  const { id = "" } = useParams();
  const user = useUser();
  const consultation = useConsultation(id);
  // The tab tells it too: people wait in another one.
  usePageTitle(consultation.data?.state === "active" ? t.call.readyPage : t.call.lobbyTitle);
  return (
    <div className="@container flex flex-col gap-6">
      <div>
        <h1 className="text-2xl font-semibold">{t.call.lobbyTitle}</h1>
        <p className="text-ink-soft">{t.call.lobbyLead}</p>
      </div>
      {consultation.data ? (
        <LobbyRoom key={id} consultation={consultation.data} isDoctor={user.id === consultation.data.doctor?.id} />
      ) : consultation.isError ? (
        <ErrorState
          code={codeOf(consultation.error)}
          onRetry={() => void consultation.refetch()}
          busy={consultation.isFetching}
        />
      ) : (
        <div role="status" className="animate-appear-late">
          <span className="sr-only">{t.ui.loading}</span>
          <Skeleton className="aspect-video w-full max-w-2xl" />
        </div>
      )}
    </div>
  );
}
