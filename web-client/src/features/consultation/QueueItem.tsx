import { Clock, UserCheck } from "lucide-react";

import type { ConsultationView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { clockTime, duration } from "../../lib/time";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { StatusPill } from "../../ui/StatusPill";
import { useToast } from "../../ui/Toast";
import { useStep } from "./queries";
import { Reason } from "./Reason";

/** Someone who waits for a doctor, with what they wrote. */
export function QueueItem({ consultation }: { consultation: ConsultationView }) {
  const now = useNow();
  const accept = useStep("accept");
  const toast = useToast();
  const { patient, specialty, requested_at: since } = consultation;
  // Awaited rather than given as callbacks: success takes this item off the list before they would run.
  const take = async () => {
    try {
      await accept.mutateAsync(consultation.id);
      toast({ tone: "ok", text: t.consultation.accepted(patient.name) });
    } catch (error) {
      const text = t.errors[codeOf(error)];
      toast({ tone: "danger", text: `${text.title}. ${text.safe}` });
    }
  };
  return (
    <li className="flex flex-col gap-4 rounded-card border border-line bg-surface p-4 shadow-soft sm:flex-row sm:items-start">
      <div className="flex min-w-0 grow gap-4">
        <Avatar name={patient.name} />
        <div className="flex min-w-0 grow flex-col gap-1">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <h3 className="font-semibold">{patient.name}</h3>
            <StatusPill tone="wait" icon={Clock}>
              <time dateTime={new Date(since).toISOString()} title={clockTime(since)}>
                {t.consultation.since(duration(now - since))}
              </time>
            </StatusPill>
            {specialty !== "" && <span className="text-sm text-ink-soft">{specialty}</span>}
          </div>
          <Reason consultation={consultation} onDemand />
        </div>
      </div>
      <Button
        icon={UserCheck}
        busy={accept.isPending}
        aria-label={t.consultation.acceptLabel(patient.name)}
        onClick={() => void take()}
      >
        {t.consultation.accept}
      </Button>
    </li>
  );
}
