import { zodResolver } from "@hookform/resolvers/zod";
import { Send } from "lucide-react";
import { useForm, useWatch } from "react-hook-form";
import { z } from "../../lib/validation";

import { ApiError } from "../../api/client";
import type { DoctorView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Select, TextArea } from "../../ui/Field";
import { useDoctors, useRequestConsultation } from "./queries";

const SHORTEST = 3;
const LONGEST = 2000;

const FORM = z.object({
  specialty: z.string(),
  reason: z.string().check(
    z.trim(),
    z.minLength(SHORTEST, t.consultation.reasonShort),
    z.maxLength(LONGEST, t.consultation.reasonLong(LONGEST)),
  ),
});

/** The patient asks for a consultation. What was typed stays until the server has it. */
export function RequestForm() {
  const doctors = useDoctors();
  const ask = useRequestConsultation();
  const send = useSendOnce(ask);
  const { register, handleSubmit, formState, control } = useForm<z.infer<typeof FORM>>({
    resolver: zodResolver(FORM),
    defaultValues: { specialty: "", reason: "" },
  });
  const used = useWatch({ control, name: "reason" }).trim().length;
  const specialties = [...new Set((doctors.data ?? []).map((doctor) => doctor.specialty).filter(Boolean))].toSorted();
  const submit = handleSubmit((values) => send(values));
  const refused = ask.error instanceof ApiError ? ask.error.fields : {};
  const problem = ask.isError ? t.errors[codeOf(ask.error)] : null;
  return (
    <Card>
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-6">
        <div className="flex flex-col gap-1">
          <h2 className="text-xl font-semibold">{t.consultation.requestTitle}</h2>
          <p className="text-ink-soft">{t.consultation.requestLead}</p>
        </div>
        <ErrorSummary
          key={ask.submittedAt}
          title={t.consultation.requestFailed}
          problems={problem ? [{ message: `${problem.title}. ${problem.action}` }] : []}
        />
        <Select
          label={t.consultation.specialty}
          hint={t.consultation.specialtyHint}
          error={refused["specialty"]}
          {...register("specialty")}
        >
          <option value="">{t.consultation.specialtyAny}</option>
          {specialties.map((specialty) => (
            <option key={specialty}>{specialty}</option>
          ))}
        </Select>
        <TextArea
          label={t.consultation.reason}
          hint={t.consultation.reasonHint}
          aside={<span className="tabular shrink-0">{t.consultation.characters(used, LONGEST)}</span>}
          error={formState.errors.reason?.message ?? refused["reason"]}
          {...register("reason")}
        />
        <div className="flex flex-col gap-3">
          <Button type="submit" size="lg" icon={Send} busy={ask.isPending}>
            {t.consultation.request}
          </Button>
          {doctors.data && <DoctorsOnline doctors={doctors.data} />}
        </div>
      </form>
    </Card>
  );
}

function DoctorsOnline({ doctors }: { doctors: DoctorView[] }) {
  const online = doctors.filter((doctor) => doctor.availability === "online").length;
  return (
    <p className="text-center text-sm text-ink-soft">
      {t.consultation.onlineNow(online)}
      {online === 0 && `. ${t.consultation.offlineStill}`}
    </p>
  );
}
