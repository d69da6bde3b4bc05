import { zodResolver } from "@hookform/resolvers/zod";
import { Save } from "lucide-react";
import { useWatch } from "react-hook-form";

import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import * as fields from "../account/fields";
import { NewPasswordField } from "../account/NewPasswordField";
import { usePolicy } from "../account/registration";
import { useNewPassword } from "./session";

/** The password was made by somebody else or is too old: it opens nothing but this. */
export function NewPasswordStep({ challenge }: { challenge: string }) {
  const rules = usePolicy().data?.password;
  const save = useNewPassword();
  const send = useSend(save);
  const form = z.object({ password: fields.newPassword(rules) });
  const { register, handleSubmit, formState, control } = useSummarisedForm(zodResolver(form), { password: "" });
  const typed = useWatch({ control, name: "password" });
  const submit = handleSubmit(({ password }) => {
    send({ challenge, password });
  });
  const problems = problemsOf(formState.errors, save.error);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <div className="flex flex-col gap-1">
        <h1 className="text-2xl font-semibold">{t.session.newPasswordTitle}</h1>
        <p className="text-ink-soft">{t.session.newPasswordLead}</p>
      </div>
      <ErrorSummary key={formState.submitCount} title={t.account.resetFailed} problems={problems.all} />
      <NewPasswordField
        id="password"
        label={t.account.newPasswordAgain}
        typed={typed}
        rules={rules}
        error={problems.of("password")}
        {...register("password")}
      />
      <Button type="submit" size="lg" icon={Save} busy={save.isPending}>
        {t.account.reset}
      </Button>
    </form>
  );
}
