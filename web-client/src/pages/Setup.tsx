import { zodResolver } from "@hookform/resolvers/zod";
import { ShieldCheck } from "lucide-react";
import { useEffect } from "react";
import { useWatch } from "react-hook-form";
import { useNavigate } from "react-router";

import * as fields from "../features/account/fields";
import { NewPasswordField } from "../features/account/NewPasswordField";
import { useBootstrap, usePolicy } from "../features/account/registration";
import { NarrowPage } from "../frame/NarrowPage";
import { codeOf, type ErrorCode } from "../lib/errors";
import { problemsOf, useSummarisedForm } from "../lib/form";
import { useFragmentSecret } from "../lib/fragment";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useSendOnce } from "../lib/send";
import { z } from "../lib/validation";
import { Button } from "../ui/Button";
import { ErrorSummary } from "../ui/ErrorSummary";
import { TextField } from "../ui/Field";

/** Where the server's first start leads: the first administrator. */
export function Setup() {
  usePageTitle(t.account.setupTitle);
  return (
    <NarrowPage title={t.account.setupTitle} lead={t.account.setupText}>
      <SetupForm />
    </NarrowPage>
  );
}

function SetupForm() {
  const rules = usePolicy().data?.password;
  const secret = useFragmentSecret();
  const bootstrap = useBootstrap();
  const send = useSendOnce(bootstrap);
  const navigate = useNavigate();
  const form = z.object({
    secret: z.string().check(z.trim(), z.minLength(1, t.account.setupSecretMissing)),
    name: fields.personName,
    email: fields.email,
    password: fields.newPassword(rules),
  });
  const { register, handleSubmit, formState, control, setValue } = useSummarisedForm(zodResolver(form), {
    secret: "",
    name: "",
    email: "",
    password: "",
  });
  useEffect(() => {
    if (secret !== "") setValue("secret", secret);
  }, [secret, setValue]);
  const typed = useWatch({ control, name: "password" });
  const submit = handleSubmit((values) => {
    send(values, { onSuccess: () => void navigate("/signin", { state: "set_up" }) });
  });
  const problems = problemsOf(formState.errors, bootstrap.error, failure);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.account.setupFailed} problems={problems.all} />
      <TextField
        id="secret"
        label={t.account.setupSecret}
        hint={t.account.setupSecretHint}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        className="font-mono"
        error={problems.of("secret")}
        {...register("secret")}
      />
      <TextField id="name" label={t.account.name} autoComplete="name" error={problems.of("name")} {...register("name")} />
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
      <NewPasswordField
        id="password"
        label={t.account.newPassword}
        typed={typed}
        rules={rules}
        error={problems.of("password")}
        {...register("password")}
      />
      <Button type="submit" size="lg" icon={ShieldCheck} busy={bootstrap.isPending}>
        {t.account.setup}
      </Button>
    </form>
  );
}

/** A wrong secret, a used one and a clinic that has an administrator are refused alike. */
function failure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return ["unauthenticated", "forbidden", "not_found", "conflict"].includes(code) ? "secret_used" : code;
}
