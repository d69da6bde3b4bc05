import { zodResolver } from "@hookform/resolvers/zod";

import type { TotpView } from "../../api/trust";
import { codeOf, type ErrorCode } from "../../lib/errors";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
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
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORM), { code: "" });
  // Awaited rather than given as a callback: success takes this form off the page before it would run.
  const submit = handleSubmit(async ({ code }) => {
    if (confirm.isPending) return;
    try {
      const made = await confirm.mutateAsync(code.replaceAll(" ", ""));
      onCodes(made.recovery_codes);
    } catch {
      // Shown as the problem.
    }
  });
  const problems = problemsOf(formState.errors, confirm.error, failure);
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

function failure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === "unauthenticated" ? "wrong_code" : code;
}
