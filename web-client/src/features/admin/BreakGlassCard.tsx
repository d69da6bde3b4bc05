import { CircleCheck, CircleX, Clock3 } from "lucide-react";
import { useState } from "react";

import type { BreakGlassView, Finding } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { clockTime, day } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Confirm } from "../../ui/Confirm";
import { StatusPill } from "../../ui/StatusPill";
import { useToast } from "../../ui/Toast";
import { useUser } from "../session/RequireSession";
import { useReview } from "./reviews";

/** One emergency access: who, whose record, when, why, and what the review found. */
export function BreakGlassCard({ access }: { access: BreakGlassView }) {
  const { id } = useUser();
  const now = useNow(60_000);
  const { user, patient, granted_at: granted, reason, finding } = access;
  const end = access.ended_at ?? access.expires_at;
  return (
    <li>
      <Card className="flex flex-col gap-4">
        <div className="flex flex-wrap items-start justify-between gap-3">
          <div>
            <p>
              <span className="font-semibold">{user.name}</span> {t.admin.reviewSentence(patient.name)}
            </p>
            <p className="text-sm text-ink-soft first-letter:uppercase">
              {day(granted, now)}, {t.admin.reviewFrom(clockTime(granted), clockTime(end))}
            </p>
          </div>
          {finding !== null ? <FindingPill finding={finding} /> : end > now && <OpenPill />}
        </div>
        <div className="border-l-3 border-line-strong pl-4">
          <p className="text-sm font-semibold text-ink-soft">{t.admin.reviewReason}</p>
          <p className="whitespace-pre-line">{reason ?? t.admin.reviewNoReason}</p>
        </div>
        {finding === null && (user.id === id ? <p className="text-ink-soft">{t.admin.reviewOwn}</p> : <Review access={access} />)}
      </Card>
    </li>
  );
}

function FindingPill({ finding }: { finding: Finding }) {
  const good = finding === "justified";
  return (
    <StatusPill tone={good ? "ok" : "danger"} icon={good ? CircleCheck : CircleX}>
      {t.admin.findings[finding]}
    </StatusPill>
  );
}

function OpenPill() {
  return (
    <StatusPill tone="wait" icon={Clock3}>
      {t.admin.stillOpen}
    </StatusPill>
  );
}

function Review({ access }: { access: BreakGlassView }) {
  const review = useReview(access.id);
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const decide = async (finding: Finding) => {
    try {
      await review.mutateAsync(finding);
      setAsking(false);
      toast({ tone: "ok", text: t.admin.reviewed });
    } catch (error) {
      // In the dialog it is shown as the problem.
      if (finding === "justified") toast({ tone: "danger", text: t.errors[codeOf(error)].title });
    }
  };
  return (
    <div className="flex flex-wrap gap-3">
      <Button icon={CircleCheck} busy={review.isPending && !asking} onClick={() => void decide("justified")}>
        {t.admin.justified}
      </Button>
      <Button variant="secondary" icon={CircleX} onClick={() => setAsking(true)}>
        {t.admin.unjustified}
      </Button>
      <Confirm
        open={asking}
        title={t.admin.unjustifiedTitle}
        text={t.admin.unjustifiedText(access.user.name)}
        confirm={t.admin.unjustified}
        keep={t.admin.keep}
        busy={review.isPending}
        problem={review.isError ? t.errors[codeOf(review.error)] : undefined}
        onConfirm={() => void decide("unjustified")}
        onClose={() => setAsking(false)}
      />
    </div>
  );
}
