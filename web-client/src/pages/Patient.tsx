import { FileText } from "lucide-react";
import { useNavigate, useParams } from "react-router";

import type { PatientRecordView } from "../api/schema";
import { useEndBreakGlass, usePatient } from "../features/access/breakGlass";
import { PatientAccess } from "../features/access/PatientAccess";
import { ConsultationRow } from "../features/consultation/ConsultationRow";
import { codeOf } from "../lib/errors";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { Loaded } from "../ui/Loaded";
import { PageHead } from "../ui/PageHead";
import { SkeletonList } from "../ui/Skeleton";
import { useToast } from "../ui/Toast";

/** One patient as their doctor sees them. */
export function Patient() {
  const { id = "" } = useParams();
  const patient = usePatient(id);
  const title = patient.data?.name ?? t.access.patientsTitle;
  // The name stays out of the tab and the history.
  usePageTitle(t.access.patientsTitle);
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6">
      <PageHead title={title} back={{ to: "/patients", label: t.access.patientBack }} />
      <Loaded query={patient} loading={<SkeletonList label={t.access.patientsLoading} />}>
        {(loaded) => <Record patient={loaded} />}
      </Loaded>
    </div>
  );
}

function Record({ patient }: { patient: PatientRecordView }) {
  return (
    <div className="flex flex-col gap-6">
      <div className="flex flex-wrap items-center gap-3">
        <PatientAccess patient={patient} />
        {patient.break_glass !== null && <EndBreakGlass id={patient.break_glass} />}
      </div>
      <section aria-labelledby="consultations" className="flex flex-col gap-3">
        <h2 id="consultations" className="text-xl font-semibold">
          {t.access.patientConsultations}
        </h2>
        {patient.consultations.length === 0 ? (
          <EmptyState icon={FileText} title={t.access.patientConsultations}>
            {t.access.patientNoConsultations}
          </EmptyState>
        ) : (
          <ul className="flex flex-col gap-3">
            {patient.consultations.map((each) => (
              <ConsultationRow key={each.id} consultation={each} side="patient" />
            ))}
          </ul>
        )}
      </section>
    </div>
  );
}

function EndBreakGlass({ id }: { id: string }) {
  const end = useEndBreakGlass();
  const toast = useToast();
  const navigate = useNavigate();
  const close = async () => {
    try {
      await end.mutateAsync(id);
      toast({ tone: "ok", text: t.access.breakEnded });
      await navigate("/patients");
    } catch (error) {
      toast({ tone: "danger", text: t.errors[codeOf(error)].title });
    }
  };
  return (
    <Button variant="secondary" busy={end.isPending} onClick={() => void close()}>
      {t.access.breakEnd}
    </Button>
  );
}
