import { zodResolver } from "@hookform/resolvers/zod";
import { Save } from "lucide-react";
import { useState } from "react";
import { useWatch } from "react-hook-form";

import type { AccountView } from "../../api/schema";
import { problemsOf, useSummarisedForm, wrongSecret } from "../../lib/form";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { day } from "../../lib/time";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { PasswordField } from "../../ui/PasswordField";
import { Section } from "../../ui/Section";
import { useToast } from "../../ui/Toast";
import { useChangePassword } from "./account";
import * as fields from "./fields";
import { NewPasswordField } from "./NewPasswordField";
import { usePolicy } from "./registration";

export function PasswordSection({ account }: { account: AccountView }) {
  const [open, setOpen] = useState(false);
  const now = useNow(60_000);
  const changed = account.password_changed_at;
  return (
    <Section
      title={t.settings.passwordTitle}
      {...(changed !== null && { text: t.settings.passwordSince(day(changed, now)) })}
    >
      {open ? (
        <PasswordForm email={account.user.email} onDone={() => setOpen(false)} />
      ) : (
        <Button variant="secondary" className="self-start" onClick={() => setOpen(true)}>
          {t.settings.passwordChange}
        </Button>
      )}
    </Section>
  );
}

function PasswordForm({ email, onDone }: { email: string; onDone: () => void }) {
  const rules = usePolicy().data?.password;
  const change = useChangePassword();
  const send = useSendOnce(change);
  const toast = useToast();
  const form = z.object({
    current: z.string().check(z.minLength(1, t.session.passwordMissing)),
    new: fields.newPassword(rules),
  });
  const { register, handleSubmit, formState, control } = useSummarisedForm(zodResolver(form), { current: "", new: "" });
  const typed = useWatch({ control, name: "new" });
  const submit = handleSubmit((values) => {
    send(values, {
      onSuccess: () => {
        toast({ tone: "ok", text: t.settings.passwordChanged });
        onDone();
      },
    });
  });
  const problems = problemsOf(formState.errors, change.error, wrongSecret("wrong_password"));
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.settings.passwordFailed} problems={problems.all} />
      <p className="text-ink-soft">{t.settings.passwordText}</p>
      {/* Tells password managers whose password this is. */}
      <input type="text" autoComplete="username" value={email} readOnly hidden />
      <PasswordField
        id="current"
        label={t.settings.passwordCurrent}
        autoComplete="current-password"
        error={problems.of("current")}
        {...register("current")}
      />
      <NewPasswordField
        id="new"
        label={t.account.newPasswordAgain}
        typed={typed}
        rules={rules}
        error={problems.of("new")}
        {...register("new")}
      />
      <div className="flex flex-wrap gap-3">
        <Button type="submit" icon={Save} busy={change.isPending}>
          {t.account.reset}
        </Button>
        <Button variant="quiet" onClick={onDone}>
          {t.settings.cancel}
        </Button>
      </div>
    </form>
  );
}
