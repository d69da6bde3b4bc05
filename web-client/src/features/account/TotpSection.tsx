import { CircleCheck, CircleOff, Smartphone } from "lucide-react";
import { useState } from "react";

import type { AccountView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Section } from "../../ui/Section";
import { StatusPill } from "../../ui/StatusPill";
import { useToast } from "../../ui/Toast";
import { useRemoveTotp, useRenewRecoveryCodes, useStartTotp } from "./account";
import { RecoveryCodes } from "./RecoveryCodes";
import { TotpEnrolment } from "./TotpEnrolment";

/** The second step of signing in, and the codes for the day when the phone is lost. */
export function TotpSection({ account }: { account: AccountView }) {
  const start = useStartTotp();
  const renew = useRenewRecoveryCodes();
  const [codes, setCodes] = useState<string[] | null>(null);
  const error = start.error ?? renew.error;
  const problem = error && t.errors[codeOf(error)];
  return (
    <Section title={t.settings.totpTitle} text={t.settings.totpText} aside={<OnOff on={account.totp} />}>
      <ErrorSummary
        key={start.submittedAt + renew.submittedAt}
        title={t.settings.totpFailed}
        problems={problem ? [{ message: `${problem.title}. ${problem.action}` }] : []}
      />
      {codes ? (
        <RecoveryCodes codes={codes} onKept={() => setCodes(null)} />
      ) : start.data && !account.totp ? (
        <TotpEnrolment secret={start.data} onCodes={setCodes} onCancel={() => start.reset()} />
      ) : account.totp ? (
        <Enrolled
          left={account.recovery_codes_left}
          renewing={renew.isPending}
          onRenew={() => renew.mutate(undefined, { onSuccess: (made) => setCodes(made.recovery_codes) })}
          onRemoved={() => start.reset()}
        />
      ) : (
        <Button icon={Smartphone} busy={start.isPending} className="self-start" onClick={() => start.mutate()}>
          {t.settings.totpStart}
        </Button>
      )}
    </Section>
  );
}

function OnOff({ on }: { on: boolean }) {
  return (
    <StatusPill tone={on ? "ok" : "neutral"} icon={on ? CircleCheck : CircleOff}>
      {on ? t.settings.totpOn : t.settings.totpOff}
    </StatusPill>
  );
}

interface EnrolledProps {
  left: number;
  renewing: boolean;
  onRenew: () => void;
  onRemoved: () => void;
}

function Enrolled({ left, renewing, onRenew, onRemoved }: EnrolledProps) {
  const remove = useRemoveTotp();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const confirm = async () => {
    try {
      await remove.mutateAsync();
    } catch {
      return; // Shown as the problem.
    }
    onRemoved();
    toast({ tone: "ok", text: t.settings.totpRemoved });
  };
  return (
    <div className="flex flex-col gap-4">
      <p className={left < 3 ? "text-wait" : undefined}>{t.settings.recoveryLeft(left)}</p>
      <div className="flex flex-wrap gap-3">
        <Button variant="secondary" busy={renewing} onClick={onRenew}>
          {t.settings.recoveryRenew}
        </Button>
        <Button variant="quiet" onClick={() => setAsking(true)}>
          {t.settings.totpRemove}
        </Button>
      </div>
      <Confirm
        open={asking}
        title={t.settings.totpRemoveTitle}
        text={t.settings.totpRemoveText}
        confirm={t.settings.totpRemove}
        keep={t.settings.totpRemoveKeep}
        busy={remove.isPending}
        problem={remove.isError ? t.errors[codeOf(remove.error)] : undefined}
        onConfirm={() => void confirm()}
        onClose={() => {
          remove.reset();
          setAsking(false);
        }}
      />
    </div>
  );
}
