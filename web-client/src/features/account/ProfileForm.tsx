import { zodResolver } from "@hookform/resolvers/zod";
import { CircleCheck, Clock3, Save } from "lucide-react";

import type { AccountView } from "../../api/schema";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";
import { Section } from "../../ui/Section";
import { StatusPill } from "../../ui/StatusPill";
import { useToast } from "../../ui/Toast";
import { useSaveProfile } from "./account";
import * as fields from "./fields";

/** Name and, for doctors, specialty. */
export function ProfileForm({ account }: { account: AccountView }) {
  const { user, email_verified: verified } = account;
  const isDoctor = user.role === "doctor";
  const save = useSaveProfile();
  const send = useSend(save);
  const toast = useToast();
  const form = z.object({ name: fields.personName, specialty: isDoctor ? fields.specialty : z.string() });
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(form), {
    name: user.name,
    specialty: user.specialty,
  });
  const submit = handleSubmit((values) => {
    send(values, { onSuccess: () => toast({ tone: "ok", text: t.settings.saved }) });
  });
  const problems = problemsOf(formState.errors, save.error);
  return (
    <Section title={t.settings.nameTitle}>
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
        <ErrorSummary key={formState.submitCount} title={t.settings.saveFailed} problems={problems.all} />
        <TextField
          id="name"
          label={t.account.name}
          hint={t.account.nameHint}
          autoComplete="name"
          error={problems.of("name")}
          {...register("name")}
        />
        {isDoctor && (
          <TextField
            id="specialty"
            label={t.account.specialty}
            hint={t.account.specialtyHint}
            autoComplete="organization-title"
            error={problems.of("specialty")}
            {...register("specialty")}
          />
        )}
        <p className="flex flex-wrap items-center gap-x-3 gap-y-2 text-ink-soft">
          <span className="break-all">{t.settings.emailNote(user.email)}</span>
          {verified ? (
            <StatusPill tone="ok" icon={CircleCheck}>
              {t.settings.emailVerified}
            </StatusPill>
          ) : (
            <StatusPill tone="wait" icon={Clock3}>
              {t.settings.emailUnverified}
            </StatusPill>
          )}
        </p>
        <Button type="submit" icon={Save} busy={save.isPending} className="self-start">
          {t.settings.save}
        </Button>
      </form>
    </Section>
  );
}
