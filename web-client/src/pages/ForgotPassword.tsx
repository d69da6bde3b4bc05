import { zodResolver } from "@hookform/resolvers/zod";
import { Send } from "lucide-react";

import * as fields from "../features/account/fields";
import { useAskForReset, usePolicy } from "../features/account/registration";
import { NarrowPage } from "../frame/NarrowPage";
import { problemsOf, useSummarisedForm } from "../lib/form";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useSend } from "../lib/send";
import { z } from "../lib/validation";
import { Button, ButtonLink } from "../ui/Button";
import { ErrorSummary } from "../ui/ErrorSummary";
import { TextField } from "../ui/Field";

const FORM = z.object({ email: fields.email });

export function ForgotPassword() {
  usePageTitle(t.account.forgotTitle);
  const policy = usePolicy();
  const ask = useAskForReset();
  const send = useSend(ask);
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORM), { email: "" });
  const submit = handleSubmit(({ email }) => send(email));
  const back = (
    <ButtonLink to="/signin" variant="secondary">
      {t.account.toSignIn}
    </ButtonLink>
  );
  if (policy.data?.mail === false) {
    return (
      <NarrowPage title={t.account.forgotNoMailTitle} lead={t.account.forgotNoMailText}>
        {back}
      </NarrowPage>
    );
  }
  if (ask.isSuccess) {
    return (
      <NarrowPage title={t.account.forgotSentTitle} lead={<span role="status">{t.account.forgotSent(ask.variables)}</span>}>
        {back}
      </NarrowPage>
    );
  }
  const problems = problemsOf(formState.errors, ask.error);
  return (
    <NarrowPage title={t.account.forgotTitle} lead={t.account.forgotText}>
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
        <ErrorSummary key={formState.submitCount} title={t.account.forgotFailed} problems={problems.all} />
        <TextField
          id="email"
          label={t.session.email}
          type="email"
          autoComplete="username"
          inputMode="email"
          autoCapitalize="none"
          spellCheck={false}
          error={problems.of("email")}
          {...register("email")}
        />
        <Button type="submit" size="lg" icon={Send} busy={ask.isPending}>
          {t.account.forgot}
        </Button>
      </form>
      {back}
    </NarrowPage>
  );
}
