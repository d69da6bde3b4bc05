import { FileText } from "lucide-react";

import type { ConsultationView } from "../api/schema";
import { ConsultationRow } from "../features/consultation/ConsultationRow";
import { isOpen, useConsultations } from "../features/consultation/queries";
import { RequestForm } from "../features/consultation/RequestForm";
import { WaitingCard } from "../features/consultation/WaitingCard";
import { useUser } from "../features/session/RequireSession";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { EmptyState } from "../ui/EmptyState";
import { Loaded } from "../ui/Loaded";
import { SkeletonList } from "../ui/Skeleton";

export function PatientHome() {
  const user = useUser();
  const consultations = useConsultations(false);
  const open = consultations.data?.find(isOpen);
  usePageTitle(open?.state === "active" ? t.consultation.titleActive : t.consultation.patientTitle);
  return (
    <div className="flex flex-col gap-6">
      <h1 className="text-2xl font-semibold sm:text-3xl">{t.consultation.hello(user.name)}</h1>
      <Loaded query={consultations} loading={<SkeletonList label={t.consultation.earlierLoading} />}>
        {(all) => (
          <div className="flex flex-col gap-10">
            {open ? <WaitingCard consultation={open} mayCancel /> : <RequestForm />}
            <Earlier consultations={all.filter((each) => !isOpen(each))} />
          </div>
        )}
      </Loaded>
    </div>
  );
}

function Earlier({ consultations }: { consultations: ConsultationView[] }) {
  return (
    <section aria-labelledby="earlier" className="flex flex-col gap-4">
      <h2 id="earlier" className="text-xl font-semibold">
        {t.consultation.earlier}
      </h2>
      {consultations.length === 0 ? (
        <EmptyState icon={FileText} title={t.consultation.earlierEmptyTitle}>
          {t.consultation.earlierEmptyText}
        </EmptyState>
      ) : (
        <ul className="flex flex-col gap-3">
          {consultations.map((each) => (
            <ConsultationRow key={each.id} consultation={each} side="patient" />
          ))}
        </ul>
      )}
    </section>
  );
}
