import { zodResolver } from "@hookform/resolvers/zod";
import { Siren } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { clockTime } from "../../lib/time";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { Checkbox } from "../../ui/Checkbox";
import { Dialog } from "../../ui/Dialog";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextArea } from "../../ui/Field";
import { useToast } from "../../ui/Toast";
import { useOpenBreakGlass } from "./breakGlass";
import { PatientField } from "./PatientField";

interface BreakGlassButtonProps {
  /** Whose record; asked for when it is not known yet. */
  patient?: { id: string; name: string };
}

/** Leads to a record that is not the doctor's own, in an emergency. */
export function BreakGlassButton({ patient }: BreakGlassButtonProps) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button variant="secondary" icon={Siren} className="self-start" onClick={() => setOpen(true)}>
        {t.access.emergencyOpen}
      </Button>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title={patient ? `${t.access.breakTitle}: ${patient.name}` : t.access.breakTitle}
        description={t.access.breakText}
      >
        <BreakGlassForm patient={patient?.id ?? ""} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

const FORM = z.object({
  patient: z.string().check(z.trim(), z.regex(/^usr_/, t.access.breakPatientMissing)),
  reason: z.string().check(z.trim(), z.minLength(10, t.access.breakReasonShort), z.maxLength(500, t.access.breakReasonLong)),
  understood: z.boolean().check(z.refine((given) => given, t.access.breakUnderstoodMissing)),
});

function BreakGlassForm({ patient, onClose }: { patient: string; onClose: () => void }) {
  const open = useOpenBreakGlass();
  const send = useSendOnce(open);
  const toast = useToast();
  const navigate = useNavigate();
  const { register, handleSubmit, formState, setValue } = useSummarisedForm(zodResolver(FORM), {
    patient,
    reason: "",
    understood: false,
  });
  const submit = handleSubmit((values) => {
    send(values, {
      onSuccess: (opened) => {
        toast({ tone: "ok", text: t.access.breakOpened(clockTime(opened.expires_at)) });
        onClose();
        void navigate(`/patients/${opened.patient.id}`);
      },
    });
  });
  const problems = problemsOf(formState.errors, open.error);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.access.breakFailed} problems={problems.all} />
      {patient === "" && (
        <PatientField
          error={problems.of("patient")}
          choice={register("patient")}
          onChange={(id) => setValue("patient", id)}
        />
      )}
      <TextArea
        id="reason"
        label={t.access.breakReason}
        hint={t.access.breakReasonHint}
        error={problems.of("reason")}
        {...register("reason")}
      />
      <Checkbox id="understood" label={t.access.breakUnderstood} error={problems.of("understood")} {...register("understood")} />
      <div className="flex flex-wrap justify-end gap-3">
        <Button variant="secondary" onClick={onClose}>
          {t.access.breakCancel}
        </Button>
        <Button type="submit" variant="danger" busy={open.isPending}>
          {t.access.breakOpen}
        </Button>
      </div>
    </form>
  );
}
