import { zodResolver } from "@hookform/resolvers/zod";
import { Save } from "lucide-react";
import { useWatch } from "react-hook-form";
import { useNavigate } from "react-router";

import * as fields from "../features/account/fields";
import { NewPasswordField } from "../features/account/NewPasswordField";
import { usePolicy, useResetPassword } from "../features/account/registration";
import { NarrowPage } from "../frame/NarrowPage";
import { problemsOf, useSummarisedForm } from "../lib/form";
import { useFragmentSecret } from "../lib/fragment";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useSendOnce } from "../lib/send";
import { z } from "../lib/validation";
import { Button, ButtonLink } from "../ui/Button";
import { ErrorSummary } from "../ui/ErrorSummary";
import { linkFailure } from "./VerifyEmail";

/** Where the mail about a forgotten password leads. */
export function ResetPassword() {
  usePageTitle(t.account.resetTitle);
  const token = useFragmentSecret();
  if (token === "") {
    return (
      <NarrowPage title={t.account.linkMissingTitle} lead={t.account.linkMissingText}>
        <ButtonLink to="/forgot-password">{t.account.forgot}</ButtonLink>
      </NarrowPage>
    );
  }
  return (
    <NarrowPage title={t.account.resetTitle} lead={t.account.resetText}>
      <ResetForm token={token} />
    </NarrowPage>
  );
}

function ResetForm({ token }: { token: string }) {
  const rules = usePolicy().data?.password;
  const reset = useResetPassword();
  const send = useSendOnce(reset);
  const navigate = useNavigate();
  const form = z.object({ password: fields.newPassword(rules) });
  const { register, handleSubmit, formState, control } = useSummarisedForm(zodResolver(form), { password: "" });
  const typed = useWatch({ control, name: "password" });
  const submit = handleSubmit(({ password }) => {
    send({ token, password }, { onSuccess: () => void navigate("/signin", { state: "password_reset" }) });
  });
  const problems = problemsOf(formState.errors, reset.error, linkFailure);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.account.resetFailed} problems={problems.all} />
      <NewPasswordField
        id="password"
        label={t.account.newPasswordAgain}
        typed={typed}
        rules={rules}
        error={problems.of("password")}
        {...register("password")}
      />
      <Button type="submit" size="lg" icon={Save} busy={reset.isPending}>
        {t.account.reset}
      </Button>
    </form>
  );
}
