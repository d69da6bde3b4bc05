import { Video } from "lucide-react";
import { useState } from "react";

import type { ConsultationView, DoctorView } from "../../api/schema";
import { AssignDialog } from "../../features/admin/AssignDialog";
import { useOpenConsultations } from "../../features/admin/assignments";
import { useDoctors } from "../../features/consultation/queries";
import { StatePill } from "../../features/consultation/StatePill";
import { useNow, usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { clockTime, day } from "../../lib/time";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { PageHead } from "../../ui/PageHead";
import { SkeletonList } from "../../ui/Skeleton";

/** What waits and what goes on, so that nobody waits for a doctor who is not there. What it is about stays hidden. */
export function Consultations() {
  usePageTitle(t.admin.consultationsTitle);
  const consultations = useOpenConsultations();
  const doctors = useDoctors().data;
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6">
      <PageHead title={t.admin.consultationsTitle} text={t.admin.consultationsText} />
      <Loaded query={consultations} loading={<SkeletonList label={t.admin.consultationsLoading} />}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={Video} title={t.admin.consultationsEmptyTitle}>
              {t.admin.consultationsEmptyText}
            </EmptyState>
          ) : (
            <ul className="flex flex-col gap-2">
              {all
                .toSorted((a, b) => a.requested_at - b.requested_at)
                .map((each) => (
                  <Row key={each.id} consultation={each} deserted={isDeserted(each, doctors)} />
                ))}
            </ul>
          )
        }
      </Loaded>
    </div>
  );
}

/** It goes on, and its doctor can no longer work. */
function isDeserted({ state, doctor }: ConsultationView, doctors: DoctorView[] | undefined): boolean {
  return state === "active" && doctors !== undefined && doctors.every((each) => each.id !== doctor?.id);
}

function Row({ consultation, deserted }: { consultation: ConsultationView; deserted: boolean }) {
  const now = useNow(60_000);
  const [assigning, setAssigning] = useState(false);
  const { patient, doctor, specialty, state, requested_at: at } = consultation;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-3 rounded-card border border-line bg-surface px-4 py-3 shadow-soft">
      <Avatar name={patient.name} />
      <div className="flex min-w-0 flex-1 basis-48 flex-col">
        <h2 className="font-semibold break-words">{patient.name}</h2>
        <p className="text-sm break-words text-ink-soft">
          {[doctor?.name ?? t.consultation.noDoctor, specialty].filter(Boolean).join(", ")}
        </p>
        <p className="text-sm text-ink-soft">{t.admin.requestedAt(`${day(at, now)}, ${clockTime(at)}`)}</p>
        {deserted && <p className="text-sm font-semibold text-danger">{t.admin.deserted}</p>}
      </div>
      <StatePill state={state} />
      {(state !== "active" || deserted) && (
        <>
          <Button variant="secondary" aria-label={t.admin.assignLabel(patient.name)} onClick={() => setAssigning(true)}>
            {t.admin.assign}
          </Button>
          <AssignDialog consultation={consultation} open={assigning} onClose={() => setAssigning(false)} />
        </>
      )}
    </li>
  );
}
