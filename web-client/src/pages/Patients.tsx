import { ChevronRight, Users } from "lucide-react";
import { Link } from "react-router";

import type { PatientView } from "../api/schema";
import { usePatients } from "../features/access/breakGlass";
import { BreakGlassButton } from "../features/access/BreakGlassDialog";
import { PatientAccess } from "../features/access/PatientAccess";
import { useNow, usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { day } from "../lib/time";
import { Avatar } from "../ui/Avatar";
import { EmptyState } from "../ui/EmptyState";
import { Loaded } from "../ui/Loaded";
import { PageHead } from "../ui/PageHead";
import { Section } from "../ui/Section";
import { SkeletonList } from "../ui/Skeleton";

/** Everybody whose record this doctor may open, and the way to one more in an emergency. */
export function Patients() {
  usePageTitle(t.access.patientsTitle);
  const patients = usePatients();
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6">
      <PageHead title={t.access.patientsTitle} />
      <Loaded query={patients} loading={<SkeletonList label={t.access.patientsLoading} />}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={Users} title={t.access.patientsEmptyTitle}>
              {t.access.patientsEmptyText}
            </EmptyState>
          ) : (
            <ul className="flex flex-col gap-2">
              {all.map((patient) => (
                <Row key={patient.id} patient={patient} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <Section title={t.access.emergencyTitle} text={t.access.emergencyText}>
        <BreakGlassButton />
      </Section>
    </div>
  );
}

function Row({ patient }: { patient: PatientView }) {
  const now = useNow(60_000);
  const last = patient.last_consultation_at;
  return (
    <li>
      <Link
        to={`/patients/${patient.id}`}
        className="flex min-h-18 items-center gap-4 rounded-card border border-line bg-surface px-4 py-3 shadow-soft transition-colors duration-150 hover:border-brand"
      >
        <Avatar name={patient.name} className="self-start sm:self-center" />
        <span className="flex min-w-0 grow flex-col gap-x-4 gap-y-2 sm:flex-row sm:items-center">
          <span className="flex min-w-0 grow flex-col">
            <span className="truncate font-semibold">{patient.name}</span>
            <span className="truncate text-sm text-ink-soft">
              {last === null ? t.access.patientNever : t.access.patientLast(day(last, now))}
            </span>
          </span>
          <span className="self-start sm:self-auto">
            <PatientAccess patient={patient} />
          </span>
        </span>
        <ChevronRight aria-hidden className="size-5 shrink-0 text-ink-soft" />
      </Link>
    </li>
  );
}
