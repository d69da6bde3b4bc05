import { zodResolver } from "@hookform/resolvers/zod";
import { ArrowRight, KeyRound } from "lucide-react";
import { useState } from "react";

import type { SecondStepView } from "../../api/schema";
import { codeOf, type ErrorCode } from "../../lib/errors";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { CodeField } from "../../ui/CodeField";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";
import { passkeyFailure } from "./PasswordStep";
import { usePasskeySignIn, useSecondStep } from "./session";

type Method = "totp" | "recovery";

const FORMS = {
  totp: z.object({ code: z.string().check(z.trim(), z.regex(/^\d{3} ?\d{3}$/, t.session.codeWrong)) }),
  recovery: z.object({ code: z.string().check(z.trim(), z.minLength(4, t.session.recoveryWrong)) }),
};

interface SecondStepProps {
  step: SecondStepView;
  onStartOver: () => void;
}

/** After the password: a code from the app, a recovery code, or a passkey. */
export function SecondStep({ step, onStartOver }: SecondStepProps) {
  const [method, setMethod] = useState<Method>(step.methods.includes("totp") ? "totp" : "recovery");
  const passkey = usePasskeySignIn();
  const problem = passkey.error && t.errors[passkeyFailure(passkey.error)];
  const other: Method = method === "totp" ? "recovery" : "totp";
  const codes = step.methods.includes("totp") || step.methods.includes("recovery");
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-col gap-1">
        <h1 className="text-2xl font-semibold">{t.session.secondTitle}</h1>
        <p className="text-ink-soft">{t.session.secondLead}</p>
      </div>
      <ErrorSummary
        key={`passkey ${passkey.submittedAt}`}
        title={problem?.title ?? ""}
        problems={problem ? [{ message: problem.action }] : []}
      />
      {codes && <CodeForm key={method} challenge={step.challenge} method={method} />}
      <div className="flex flex-col items-start gap-1">
        {step.methods.includes(other) && (
          <Button variant="quiet" className="-ml-4 text-left" onClick={() => setMethod(other)}>
            {other === "recovery" ? t.session.toRecovery : t.session.toCode}
          </Button>
        )}
        {step.methods.includes("passkey") && (
          <Button variant="quiet" className="-ml-4" icon={KeyRound} busy={passkey.isPending} onClick={() => passkey.mutate()}>
            {t.session.passkey}
          </Button>
        )}
        <Button variant="quiet" className="-ml-4" onClick={onStartOver}>
          {t.session.startOver}
        </Button>
      </div>
    </div>
  );
}

function CodeForm({ challenge, method }: { challenge: string; method: Method }) {
  const second = useSecondStep();
  const send = useSend(second);
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORMS[method]), { code: "" });
  const submit = handleSubmit(({ code }) => {
    send({ challenge, method, code: code.replaceAll(" ", "") });
  });
  const problems = problemsOf(formState.errors, second.error, failure);
  const field = { id: "code", error: problems.of("code"), ...register("code") };
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.session.signInFailed} problems={problems.all} />
      {method === "totp" ? (
        <CodeField label={t.session.code} hint={t.session.codeHint} {...field} />
      ) : (
        <TextField label={t.session.recovery} hint={t.session.recoveryHint} autoComplete="off" spellCheck={false} {...field} />
      )}
      <Button type="submit" size="lg" icon={ArrowRight} busy={second.isPending}>
        {t.session.secondSubmit}
      </Button>
    </form>
  );
}

/** A wrong code, a used one and a challenge that has run out are refused alike. */
function failure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === "unauthenticated" ? "wrong_code" : code;
}
