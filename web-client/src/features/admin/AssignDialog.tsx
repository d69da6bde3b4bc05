import { zodResolver } from "@hookform/resolvers/zod";

import type { ConsultationView, DoctorView } from "../../api/schema";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Select } from "../../ui/Field";
import { Loaded } from "../../ui/Loaded";
import { SkeletonList } from "../../ui/Skeleton";
import { useToast } from "../../ui/Toast";
import { useDoctors } from "../consultation/queries";
import { useAssign } from "./assignments";

interface AssignDialogProps {
  consultation: ConsultationView;
  open: boolean;
  onClose: () => void;
}

/** Gives a consultation to a doctor. */
export function AssignDialog({ consultation, open, onClose }: AssignDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title={t.admin.assignTitle(consultation.patient.name)} description={t.admin.assignText}>
      <Doctors consultation={consultation} onClose={onClose} />
    </Dialog>
  );
}

function Doctors({ consultation, onClose }: Omit<AssignDialogProps, "open">) {
  const doctors = useDoctors();
  return (
    <Loaded query={doctors} loading={<SkeletonList rows={1} label={t.admin.assignLoading} />}>
      {(all) => (
        <AssignForm
          id={consultation.id}
          doctors={all.filter((doctor) => doctor.id !== consultation.doctor?.id).toSorted(onlineFirst)}
          onClose={onClose}
        />
      )}
    </Loaded>
  );
}

const FORM = z.object({ doctor_id: z.string().check(z.minLength(1, t.admin.assignMissing)) });

function AssignForm({ id, doctors, onClose }: { id: string; doctors: DoctorView[]; onClose: () => void }) {
  const assign = useAssign(id);
  const send = useSendOnce(assign);
  const toast = useToast();
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORM), { doctor_id: "" });
  const submit = handleSubmit(({ doctor_id: doctor }) => {
    const name = doctors.find((each) => each.id === doctor)?.name ?? "";
    send(doctor, {
      onSuccess: () => {
        toast({ tone: "ok", text: t.admin.assigned(name) });
        onClose();
      },
    });
  });
  const problems = problemsOf(formState.errors, assign.error);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.admin.assignFailed} problems={problems.all} />
      <Select id="doctor_id" label={t.admin.assignDoctor} error={problems.of("doctor_id")} {...register("doctor_id")}>
        <option value="">{doctors.length === 0 ? t.admin.assignNobody : t.admin.assignChoose}</option>
        {doctors.map(({ id: doctor, name, specialty, availability }) => (
          <option key={doctor} value={doctor}>
            {[name, specialty, t.frame.availability[availability]].filter(Boolean).join(", ")}
          </option>
        ))}
      </Select>
      <div className="flex flex-wrap justify-end gap-3">
        <Button variant="secondary" onClick={onClose}>
          {t.admin.keep}
        </Button>
        <Button type="submit" busy={assign.isPending}>
          {t.admin.assign}
        </Button>
      </div>
    </form>
  );
}

const ORDER = { online: 0, busy: 1, offline: 2 };

function onlineFirst(a: DoctorView, b: DoctorView): number {
  return ORDER[a.availability] - ORDER[b.availability] || a.name.localeCompare(b.name);
}
