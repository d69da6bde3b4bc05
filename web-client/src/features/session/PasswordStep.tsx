import { zodResolver } from "@hookform/resolvers/zod";
import { KeyRound, LogIn } from "lucide-react";
import { useState } from "react";
import { useForm } from "react-hook-form";

import type { SecondStepView } from "../../api/schema";
import { codeOf, type ErrorCode } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { passkeysSupported } from "../../lib/webauthn";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";
import { Or } from "../../ui/Or";
import { PasswordField } from "../../ui/PasswordField";
import { TextLink } from "../../ui/TextLink";
import * as fields from "../account/fields";
import { usePolicy } from "../account/registration";
import { isSecondStep, usePasskeySignIn, useSignIn } from "./session";

const FORM = z.object({
  email: fields.email,
  password: z.string().check(z.minLength(1, t.session.passwordMissing)),
});

/** Email and password, or another way in. */
export function PasswordStep({ onSecondStep }: { onSecondStep: (step: SecondStepView) => void }) {
  const signIn = useSignIn();
  const send = useSend(signIn);
  const passkey = usePasskeySignIn();
  const [attempt, setAttempt] = useState(0);
  const { register, handleSubmit, formState, resetField, setFocus } = useForm<z.infer<typeof FORM>>({
    resolver: zodResolver(FORM),
    defaultValues: { email: "", password: "" },
    shouldFocusError: true,
  });
  const submit = handleSubmit((values) => {
    passkey.reset();
    send(values, {
      onSuccess: (answer) => {
        if (isSecondStep(answer)) onSecondStep(answer);
      },
      onError: (error) => {
        setAttempt((before) => before + 1);
        if (failure(error) === "wrong_credentials") resetField("password");
        else setFocus("password");
      },
    });
  });
  const withPasskey = () => {
    if (passkey.isPending) return;
    signIn.reset();
    passkey.mutate(undefined, { onError: () => setAttempt((before) => before + 1) });
  };
  const refused = signIn.error ? failure(signIn.error) : passkey.error ? passkeyFailure(passkey.error) : null;
  const problem = refused && t.errors[refused];
  return (
    <div className="flex flex-col gap-5">
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
        <h1 className="text-2xl font-semibold">{t.session.signInTitle}</h1>
        <ErrorSummary
          key={attempt}
          title={problem?.title ?? t.session.signInFailed}
          problems={problem ? [{ message: problem.action }] : []}
        />
        <TextField
          label={t.session.email}
          type="email"
          autoComplete="username"
          inputMode="email"
          autoCapitalize="none"
          spellCheck={false}
          error={formState.errors.email?.message}
          {...register("email")}
        />
        <PasswordField
          label={t.session.password}
          autoComplete="current-password"
          error={formState.errors.password?.message}
          {...register("password")}
        />
        <Button type="submit" size="lg" icon={LogIn} busy={signIn.isPending}>
          {t.session.signIn}
        </Button>
        <TextLink to="/forgot-password" className="self-start">
          {t.session.forgotten}
        </TextLink>
      </form>
      <OtherWays busy={passkey.isPending} onPasskey={withPasskey} />
    </div>
  );
}

/** Passkey, the clinic's single sign-on, a new account. */
function OtherWays({ busy, onPasskey }: { busy: boolean; onPasskey: () => void }) {
  const policy = usePolicy();
  const providers = policy.data?.providers ?? [];
  const others = passkeysSupported() || providers.length > 0;
  return (
    <>
      {others && <Or />}
      {passkeysSupported() && (
        <Button variant="secondary" icon={KeyRound} busy={busy} onClick={onPasskey}>
          {t.session.passkey}
        </Button>
      )}
      {providers.map(({ id, name }) => (
        // A link and not a request: the provider takes the whole window.
        <a
          key={id}
          href={`/api/v1/oidc/${encodeURIComponent(id)}/start`}
          className="inline-flex min-h-11 items-center justify-center rounded-control border border-line-strong bg-surface px-4 py-2 text-center font-semibold hover:bg-raised"
        >
          {t.session.provider(name)}
        </a>
      ))}
      {policy.data?.registration && (
        <p className="flex flex-wrap items-center gap-x-2 border-t border-line pt-3 text-ink-soft">
          {t.account.noAccount}
          <TextLink to="/sign-up">{t.account.signUpTitle}</TextLink>
        </p>
      )}
    </>
  );
}

function failure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === "unauthenticated" ? "wrong_credentials" : code;
}

export function passkeyFailure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === "unauthenticated" || code === "not_found" ? "passkey_refused" : code;
}
