import { zodResolver } from "@hookform/resolvers/zod";
import { Check, X } from "lucide-react";
import { useState } from "react";

import type { VerificationView } from "../../api/schema";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextArea } from "../../ui/Field";
import { useToast } from "../../ui/Toast";
import { useDecide } from "./reviews";

const FORM = z.object({
  reason: z.string().check(z.trim(), z.minLength(3, t.admin.decideReasonShort), z.maxLength(500, t.admin.decideReasonLong)),
});

/** Approves or rejects a doctor; both need a reason. */
export function DecisionForm({ verification: { id, doctor } }: { verification: VerificationView }) {
  const decide = useDecide(id);
  const send = useSend(decide);
  const toast = useToast();
  const [decision, setDecision] = useState<"approve" | "reject">("approve");
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORM), { reason: "" });
  const submit = (chosen: "approve" | "reject") =>
    handleSubmit(({ reason }) => {
      setDecision(chosen);
      const done = t.admin[chosen === "approve" ? "approved" : "rejected"](doctor.name);
      send({ decision: chosen, reason }, { onSuccess: () => toast({ tone: "ok", text: done }) });
    });
  const problems = problemsOf(formState.errors, decide.error);
  return (
    <form noValidate onSubmit={(event) => event.preventDefault()} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.admin.decideFailed} problems={problems.all} />
      <TextArea
        id="reason"
        label={t.admin.decideReason}
        hint={t.admin.decideReasonHint}
        error={problems.of("reason")}
        {...register("reason")}
      />
      <div className="flex flex-wrap gap-3">
        <Button
          icon={Check}
          busy={decide.isPending && decision === "approve"}
          onClick={(event) => void submit("approve")(event)}
        >
          {t.admin.approve}
        </Button>
        <Button
          variant="danger"
          icon={X}
          busy={decide.isPending && decision === "reject"}
          onClick={(event) => void submit("reject")(event)}
        >
          {t.admin.reject}
        </Button>
      </div>
    </form>
  );
}
