import { zodResolver } from "@hookform/resolvers/zod";

import type { TotpView } from "../../api/schema";
import { problemsOf, useSummarisedForm, wrongSecret } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { CodeField } from "../../ui/CodeField";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { useConfirmTotp } from "./account";

const FORM = z.object({ code: z.string().check(z.trim(), z.regex(/^\d{3} ?\d{3}$/, t.session.codeWrong)) });

interface TotpEnrolmentProps {
  secret: TotpView;
  onCodes: (codes: string[]) => void;
  onCancel: () => void;
}

/** Scan, then prove that it works. */
export function TotpEnrolment({ secret, onCodes, onCancel }: TotpEnrolmentProps) {
  const confirm = useConfirmTotp();
  const send = useSendOnce(confirm);
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORM), { code: "" });
  const submit = handleSubmit(({ code }) => {
    send(code.replaceAll(" ", ""), { onSuccess: (made) => onCodes(made.recovery_codes) });
  });
  const problems = problemsOf(formState.errors, confirm.error, wrongSecret("wrong_code"));
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.settings.totpFailed} problems={problems.all} />
      <div className="flex flex-col gap-3">
        <h3 className="font-semibold">{t.settings.totpScanTitle}</h3>
        <div className="flex flex-wrap items-start gap-5">
          {/* White around the code in both themes: scanners need the contrast. */}
          <img
            src={`data:image/svg+xml,${encodeURIComponent(secret.qr_svg)}`}
            alt={t.settings.totpQr}
            className="size-48 rounded-card border border-line bg-white p-2"
          />
          <div className="flex min-w-0 flex-1 basis-60 flex-col gap-1">
            <p className="text-ink-soft">{t.settings.totpByHand}</p>
            <code className="font-mono break-all" data-testid="totp-secret">
              {secret.secret}
            </code>
          </div>
        </div>
      </div>
      <div className="flex flex-col gap-3">
        <h3 className="font-semibold">{t.settings.totpEnterTitle}</h3>
        <CodeField id="code" label={t.session.code} hint={t.session.codeHint} error={problems.of("code")} {...register("code")} />
      </div>
      <div className="flex flex-wrap gap-3">
        <Button type="submit" busy={confirm.isPending}>
          {t.settings.totpConfirm}
        </Button>
        <Button variant="quiet" onClick={onCancel}>
          {t.settings.cancel}
        </Button>
      </div>
    </form>
  );
}
