import { zodResolver } from "@hookform/resolvers/zod";
import { KeyRound } from "lucide-react";
import { useEffect, useState } from "react";

import { whenConfirmationNeeded } from "../../api/client";
import type { LinkedProviderView } from "../../api/schema";
import { problemsOf, useSummarisedForm, wrongSecret } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend, useSendOnce } from "../../lib/send";
import { z } from "../../lib/validation";
import { passkeysSupported } from "../../lib/webauthn";
import { Button } from "../../ui/Button";
import { CodeField } from "../../ui/CodeField";
import { Dialog } from "../../ui/Dialog";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Or } from "../../ui/Or";
import { PasswordField } from "../../ui/PasswordField";
import { SkeletonList } from "../../ui/Skeleton";
import { useAccount } from "./account";
import { useConfirmElsewhere, useConfirmPasskey, useConfirmSecret } from "./confirmation";
import { useLinkedProviders } from "./providers";

type Answer = (confirmed: boolean) => void;
type Secret = "password" | "code";

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
      <Ways onDone={finish} />
    </Dialog>
  );
}

/** A secret that the account has, a passkey, or a provider that knows the person. */
function Ways({ onDone }: { onDone: Answer }) {
  const account = useAccount();
  const providers = useLinkedProviders().data ?? [];
  const [chosen, setChosen] = useState<Secret | null>(null);
  if (account.isLoading) return <SkeletonList rows={1} label={t.settings.loading} />;
  const secrets: Secret[] = [];
  if (account.data?.has_password ?? true) secrets.push("password");
  if (account.data?.totp) secrets.push("code");
  const method = chosen ?? secrets[0];
  const other = secrets.find((each) => each !== method);
  const hasPasskey = (account.data?.passkeys ?? 0) > 0 && passkeysSupported();
  return (
    <>
      {method && <SecretForm key={method} method={method} onDone={onDone} />}
      {other && (
        <Button variant="quiet" className="-mt-2 self-start" onClick={() => setChosen(other)}>
          {other === "password" ? t.settings.confirmUsePassword : t.settings.confirmUseCode}
        </Button>
      )}
      {method && (hasPasskey || providers.length > 0) && <Or />}
      {hasPasskey && <PasskeyWay onDone={onDone} />}
      {providers.map((provider) => (
        <ProviderWay key={provider.id} provider={provider} />
      ))}
      {!method && <Cancel onDone={onDone} />}
    </>
  );
}

const FORMS = {
  password: z.object({ secret: z.string().check(z.minLength(1, t.session.passwordMissing)) }),
  code: z.object({ secret: z.string().check(z.trim(), z.regex(/^\d{3} ?\d{3}$/, t.session.codeWrong)) }),
};

function SecretForm({ method, onDone }: { method: Secret; onDone: Answer }) {
  const confirm = useConfirmSecret();
  const send = useSend(confirm);
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORMS[method]), { secret: "" });
  const submit = handleSubmit(({ secret }) => {
    send(method === "code" ? { code: secret.replaceAll(" ", "") } : { password: secret }, { onSuccess: () => onDone(true) });
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
        <Cancel onDone={onDone} />
        <Button type="submit" busy={confirm.isPending}>
          {t.settings.confirm}
        </Button>
      </div>
    </form>
  );
}

function PasskeyWay({ onDone }: { onDone: Answer }) {
  const confirm = useConfirmPasskey();
  const send = useSend(confirm);
  const problems = problemsOf({}, confirm.error, wrongSecret("passkey_refused"));
  return (
    <>
      <ErrorSummary key={confirm.submittedAt} title={t.settings.confirmFailed} problems={problems.all} />
      <Button
        variant="secondary"
        icon={KeyRound}
        busy={confirm.isPending}
        onClick={() => send(undefined, { onSuccess: () => onDone(true) })}
      >
        {t.session.passkey}
      </Button>
    </>
  );
}

function ProviderWay({ provider: { id, name } }: { provider: LinkedProviderView }) {
  const leave = useConfirmElsewhere();
  const send = useSendOnce(leave);
  return (
    <>
      <ErrorSummary key={leave.submittedAt} title={t.settings.confirmFailed} problems={problemsOf({}, leave.error).all} />
      <Button variant="secondary" busy={leave.isPending} onClick={() => send(id)}>
        {t.settings.confirmElsewhere(name)}
      </Button>
    </>
  );
}

function Cancel({ onDone }: { onDone: Answer }) {
  return (
    <Button variant="secondary" className="self-end" onClick={() => onDone(false)}>
      {t.settings.cancel}
    </Button>
  );
}
