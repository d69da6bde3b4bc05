import { zodResolver } from "@hookform/resolvers/zod";
import { ArrowRight, Link2Off } from "lucide-react";
import { useForm } from "react-hook-form";
import { useNavigate } from "react-router";
import { line, z } from "../lib/validation";

import { useGuestSignIn } from "../features/session/session";
import { PlainFrame } from "../frame/PlainFrame";
import { codeOf, type ErrorCode } from "../lib/errors";
import { useFragmentSecret } from "../lib/fragment";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useSendOnce } from "../lib/send";
import { Button } from "../ui/Button";
import { Card } from "../ui/Card";
import { EmptyState } from "../ui/EmptyState";
import { ErrorSummary } from "../ui/ErrorSummary";
import { TextField } from "../ui/Field";

/** Where an invitation's link leads. */
export function Guest() {
  usePageTitle(t.session.guestTitle);
  const secret = useFragmentSecret();
  return (
    <PlainFrame>
      <div className="m-auto w-full max-w-lg p-4">
        {secret === "" ? (
          <>
            <h1 className="sr-only">{t.session.guestTitle}</h1>
            <EmptyState icon={Link2Off} title={t.session.guestNoSecretTitle}>
              {t.session.guestNoSecretText}
            </EmptyState>
          </>
        ) : (
          <GuestForm secret={secret} />
        )}
      </div>
    </PlainFrame>
  );
}

const FORM = z.object({
  name: line(t.session.guestNameMissing, 80, t.session.guestNameLong),
});

function GuestForm({ secret }: { secret: string }) {
  const join = useGuestSignIn();
  const send = useSendOnce(join);
  const navigate = useNavigate();
  const { register, handleSubmit, formState } = useForm<z.infer<typeof FORM>>({
    resolver: zodResolver(FORM),
    defaultValues: { name: "" },
  });
  const submit = handleSubmit(({ name }) => {
    send(
      { secret, name },
      { onSuccess: ({ consultation_id: id }) => void navigate(`/consultations/${id}/lobby`, { replace: true }) },
    );
  });
  const problem = join.isError ? t.errors[failure(join.error)] : null;
  return (
    <Card className="sm:p-8">
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
        <div className="flex flex-col gap-1">
          <h1 className="text-2xl font-semibold">{t.session.guestTitle}</h1>
          <p className="text-ink-soft">{t.session.guestLead}</p>
        </div>
        <ErrorSummary
          key={join.submittedAt}
          title={problem?.title ?? t.session.guestFailed}
          problems={problem ? [{ message: `${problem.safe} ${problem.action}` }] : []}
        />
        <TextField
          label={t.session.guestName}
          hint={t.session.guestNameHint}
          autoComplete="name"
          error={formState.errors.name?.message}
          {...register("name")}
        />
        <Button type="submit" size="lg" icon={ArrowRight} busy={join.isPending}>
          {t.session.guestJoin}
        </Button>
        <p className="text-sm text-ink-soft">{t.session.guestOnce}</p>
      </form>
    </Card>
  );
}

/** Unknown, used and expired invitations are refused alike. */
function failure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === "unauthenticated" || code === "not_found" ? "invite_used" : code;
}
