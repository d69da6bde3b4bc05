import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { request, whenConfirmationNeeded } from "../../api/client";
import { problemsOf, useSummarisedForm, wrongSecret } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { CodeField } from "../../ui/CodeField";
import { Dialog } from "../../ui/Dialog";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { PasswordField } from "../../ui/PasswordField";
import { useAccount } from "./account";

type Answer = (confirmed: boolean) => void;

/** Once below `RequireSession`. When the server wants a secret proved again, this asks; the request that was refused
 *  then goes on by itself. */
export function ConfirmIdentity() {
  const [answer, setAnswer] = useState<Answer | null>(null);
  useEffect(() => {
    // Requests that are refused while the dialog is open wait for the same answer.
    let asked: Promise<boolean> | null = null;
    whenConfirmationNeeded(() => {
      asked ??= new Promise<boolean>((resolve) => setAnswer(() => resolve)).finally(() => {
        asked = null;
      });
      return asked;
    });
    return () => whenConfirmationNeeded(async () => false);
  }, []);
  const finish = (confirmed: boolean) => {
    answer?.(confirmed);
    setAnswer(null);
  };
  return (
    <Dialog
      open={answer !== null}
      onClose={() => finish(false)}
      title={t.settings.confirmTitle}
      description={t.settings.confirmText}
    >
      <ConfirmForm onDone={finish} />
    </Dialog>
  );
}

const FORMS = {
  password: z.object({ secret: z.string().check(z.minLength(1, t.session.passwordMissing)) }),
  code: z.object({ secret: z.string().check(z.trim(), z.regex(/^\d{3} ?\d{3}$/, t.session.codeWrong)) }),
};

function ConfirmForm({ onDone }: { onDone: Answer }) {
  const account = useAccount();
  const [method, setMethod] = useState<"password" | "code">("password");
  return (
    <>
      <SecretForm key={method} method={method} onDone={onDone} />
      {account.data?.totp && (
        <Button variant="quiet" className="-mt-2 self-start" onClick={() => setMethod(method === "code" ? "password" : "code")}>
          {method === "code" ? t.settings.confirmUsePassword : t.settings.confirmUseCode}
        </Button>
      )}
    </>
  );
}

function SecretForm({ method, onDone }: { method: "password" | "code"; onDone: Answer }) {
  const confirm = useMutation({
    mutationFn: (body: { password?: string; code?: string }) =>
      request<undefined>("POST", "/session/confirm", { body }),
    onSuccess: () => onDone(true),
  });
  const send = useSend(confirm);
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORMS[method]), { secret: "" });
  const submit = handleSubmit(({ secret }) => {
    send(method === "code" ? { code: secret.replaceAll(" ", "") } : { password: secret });
  });
  const problems = problemsOf(formState.errors, confirm.error, wrongSecret(method === "code" ? "wrong_code" : "wrong_password"));
  const field = { autoFocus: true, id: "secret", error: problems.of("secret"), ...register("secret") };
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.settings.confirmFailed} problems={problems.all} />
      {method === "code" ? (
        <CodeField label={t.session.code} hint={t.session.codeHint} {...field} />
      ) : (
        <PasswordField label={t.settings.confirmPassword} autoComplete="current-password" {...field} />
      )}
      <div className="flex flex-wrap justify-end gap-3">
        <Button variant="secondary" onClick={() => onDone(false)}>
          {t.settings.cancel}
        </Button>
        <Button type="submit" busy={confirm.isPending}>
          {t.settings.confirm}
        </Button>
      </div>
    </form>
  );
}
