import { IdCard, MailWarning, ShieldAlert } from "lucide-react";

import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Banner } from "../../ui/Banner";
import { Button, ButtonLink } from "../../ui/Button";
import { useToast } from "../../ui/Toast";
import { useDuties, useUser } from "../session/RequireSession";
import { useResendVerification } from "./account";

/** What still stands between this person and their work, with the way to do it. */
export function Duties() {
  const duties = useDuties();
  if (duties.length === 0) return null;
  return (
    <div className="mb-6 flex flex-col gap-3 print:hidden">
      {duties.includes("verify_email") && <VerifyEmail />}
      {duties.includes("await_approval") && (
        <Banner
          tone="wait"
          icon={IdCard}
          title={t.access.awaitTitle}
          action={
            <ButtonLink to="/application" variant="secondary">
              {t.access.awaitOpen}
            </ButtonLink>
          }
        >
          {t.access.awaitText}
        </Banner>
      )}
      {duties.includes("enrol_second_factor") && (
        <Banner
          tone="wait"
          icon={ShieldAlert}
          title={t.access.enrolTitle}
          action={
            <ButtonLink to="/settings/security" variant="secondary">
              {t.access.enrolOpen}
            </ButtonLink>
          }
        >
          {t.access.enrolText}
        </Banner>
      )}
    </div>
  );
}

function VerifyEmail() {
  const { email } = useUser();
  const resend = useResendVerification();
  const toast = useToast();
  const send = () =>
    resend.mutate(undefined, {
      onSuccess: () => toast({ tone: "ok", text: t.access.verifySent(email) }),
      onError: (error) => toast({ tone: "danger", text: t.errors[codeOf(error)].title }),
    });
  return (
    <Banner
      tone="wait"
      icon={MailWarning}
      title={t.account.verifyTitle}
      action={
        <Button variant="secondary" busy={resend.isPending} onClick={send}>
          {t.access.verifyAgain}
        </Button>
      }
    >
      {t.access.verifyText(email)}
    </Banner>
  );
}
