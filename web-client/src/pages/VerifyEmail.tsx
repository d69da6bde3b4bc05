import { useQueryClient } from "@tanstack/react-query";
import { MailCheck } from "lucide-react";

import { useVerifyEmail } from "../features/account/registration";
import { refreshSession, useSession } from "../features/session/session";
import { NarrowPage } from "../frame/NarrowPage";
import { codeOf, type ErrorCode } from "../lib/errors";
import { useFragmentSecret } from "../lib/fragment";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { Button, ButtonLink } from "../ui/Button";
import { ErrorSummary } from "../ui/ErrorSummary";

/** Where the mail of a new account leads. It asks for a press: programs that look at links in mails must not use it up. */
export function VerifyEmail() {
  usePageTitle(t.account.verifyTitle);
  const token = useFragmentSecret();
  const session = useSession();
  const client = useQueryClient();
  const verify = useVerifyEmail();
  const onward = session.data ? (
    <ButtonLink to="/">{t.account.toStart}</ButtonLink>
  ) : (
    <ButtonLink to="/signin">{t.account.toSignIn}</ButtonLink>
  );
  if (verify.isSuccess) {
    return (
      <NarrowPage title={t.account.verifiedTitle} lead={t.account.verifiedText}>
        {onward}
      </NarrowPage>
    );
  }
  if (token === "") {
    return (
      <NarrowPage title={t.account.linkMissingTitle} lead={t.account.linkMissingText}>
        {onward}
      </NarrowPage>
    );
  }
  const confirm = () => verify.mutate(token, { onSuccess: () => void refreshSession(client) });
  const problem = verify.error && t.errors[linkFailure(verify.error)];
  return (
    <NarrowPage title={t.account.verifyTitle} lead={t.account.verifyText}>
      <ErrorSummary
        key={verify.submittedAt}
        title={t.account.verifyFailed}
        problems={problem ? [{ message: `${problem.title}. ${problem.action}` }] : []}
      />
      <Button size="lg" icon={MailCheck} busy={verify.isPending} onClick={confirm}>
        {t.account.verify}
      </Button>
    </NarrowPage>
  );
}

/** Unknown, used and old links are refused alike. */
export function linkFailure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === "not_found" || code === "unauthenticated" ? "link_used" : code;
}
