import { ArrowLeft, CircleX, DoorClosed } from "lucide-react";
import { Link, useParams } from "react-router";

import type { ConsultationView } from "../api/schema";
import { Facts } from "../features/consultation/Facts";
import { OwnConsultation } from "../features/consultation/OwnConsultation";
import { QueueItem } from "../features/consultation/QueueItem";
import { useConsultation } from "../features/consultation/queries";
import { StatePill } from "../features/consultation/StatePill";
import { Summary } from "../features/consultation/Summary";
import { WaitingCard } from "../features/consultation/WaitingCard";
import { useUser } from "../features/session/RequireSession";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ButtonLink } from "../ui/Button";
import { Card } from "../ui/Card";
import { EmptyState } from "../ui/EmptyState";
import { Loaded } from "../ui/Loaded";
import { SkeletonList } from "../ui/Skeleton";

/** One consultation, shown by where it stands: waiting, open, over. */
export function Consultation() {
  const { id = "" } = useParams();
  const { role } = useUser();
  const consultation = useConsultation(id);
  const state = consultation.data?.state;
  const title = state === "completed" ? t.consultation.summaryTitle : t.consultation.pageTitle;
  usePageTitle(state === "active" && role !== "doctor" ? t.consultation.titleActive : title);
  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-6">
      <div className="flex flex-col items-start gap-2">
        {role !== "guest" && (
          <Link
            to="/"
            className="-ml-2 inline-flex min-h-11 items-center gap-1.5 rounded-control px-2 font-semibold text-brand-text hover:bg-raised print:hidden"
          >
            <ArrowLeft aria-hidden className="size-5" />
            {t.consultation.back}
          </Link>
        )}
        <div className="flex flex-wrap items-center gap-3">
          <h1 className="text-2xl font-semibold">{title}</h1>
          {state && <StatePill state={state} />}
        </div>
      </div>
      <Loaded query={consultation} loading={<SkeletonList rows={1} label={t.ui.loading} />}>
        {(loaded) => <ByState consultation={loaded} />}
      </Loaded>
    </div>
  );
}

function ByState({ consultation }: { consultation: ConsultationView }) {
  const { role, id } = useUser();
  const isDoctor = role === "doctor" || role === "admin";
  if (consultation.state === "cancelled") return <Cancelled consultation={consultation} mayAsk={role === "patient"} />;
  if (consultation.state === "completed") {
    // Guests took part, but the transcript belongs to the patient and the doctor.
    return role === "guest" ? <GuestOver /> : <Summary consultation={consultation} />;
  }
  if (!isDoctor) return <WaitingCard consultation={consultation} mayCancel={role === "patient"} />;
  if (consultation.state === "requested") {
    return (
      <ul>
        <QueueItem consultation={consultation} />
      </ul>
    );
  }
  return consultation.doctor?.id === id ? <OwnConsultation consultation={consultation} /> : <Facts consultation={consultation} />;
}

function Cancelled({ consultation, mayAsk }: { consultation: ConsultationView; mayAsk: boolean }) {
  return (
    <>
      <EmptyState
        icon={CircleX}
        title={t.consultation.cancelledTitle}
        action={mayAsk && <ButtonLink to="/">{t.consultation.askAgain}</ButtonLink>}
      >
        {t.consultation.cancelledText}
      </EmptyState>
      <Card>
        <Facts consultation={consultation} />
      </Card>
    </>
  );
}

function GuestOver() {
  return (
    <EmptyState icon={DoorClosed} title={t.consultation.guestOverTitle}>
      {t.consultation.guestOverText}
    </EmptyState>
  );
}
