import { Check, Hourglass, UserCheck, Video } from "lucide-react";
import { useState } from "react";

import type { ConsultationView } from "../../api/schema";
import { cx } from "../../lib/classes";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { clockTime, duration } from "../../lib/time";
import { Button, ButtonLink } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { CancelDialog } from "./CancelDialog";
import { useDoctors } from "./queries";
import { StatePill } from "./StatePill";

interface WaitingCardProps {
  consultation: ConsultationView;
  /** Guests see the way in, but cannot cancel. */
  mayCancel: boolean;
}

/** Where an open consultation stands, for the patient: what has happened, what comes next, and nothing we don't know. */
export function WaitingCard({ consultation, mayCancel }: WaitingCardProps) {
  const [cancelling, setCancelling] = useState(false);
  const active = consultation.state === "active";
  const lobby = `/consultations/${consultation.id}/lobby`;
  return (
    <Card className={cx("flex flex-col gap-6", active && "border-ok")}>
      <div aria-live="polite" className="flex flex-col items-start gap-3">
        <StatePill state={consultation.state} />
        <h2 className="text-xl font-semibold">{headline(consultation)}</h2>
        <p className="text-ink-soft">{explanation(consultation)}</p>
      </div>
      {active && (
        <ButtonLink to={lobby} size="lg" icon={Video}>
          {t.consultation.join}
        </ButtonLink>
      )}
      <Steps consultation={consultation} />
      {consultation.state === "requested" && <DoctorsNow />}
      {consultation.reason !== "" && (
        <div className="border-t border-line pt-4">
          <h3 className="text-sm font-semibold text-ink-soft">{t.consultation.yourReason}</h3>
          <p className="break-words whitespace-pre-line">{consultation.reason}</p>
        </div>
      )}
      {!active && (
        <div className="flex flex-wrap gap-3">
          <ButtonLink to={lobby} variant="secondary" icon={Video}>
            {t.consultation.checkDevices}
          </ButtonLink>
          {mayCancel && (
            <Button variant="quiet" onClick={() => setCancelling(true)}>
              {t.consultation.cancelRequest}
            </Button>
          )}
        </div>
      )}
      <CancelDialog consultation={consultation} by="patient" open={cancelling} onClose={() => setCancelling(false)} />
    </Card>
  );
}

function headline({ state, doctor }: ConsultationView): string {
  const name = doctor?.name ?? t.consultation.kinds.doctor;
  if (state === "active") return t.consultation.waitingTitle.active(name);
  if (state === "accepted") return t.consultation.waitingTitle.accepted(name);
  return t.consultation.waitingTitle.requested;
}

function explanation({ state }: ConsultationView): string {
  if (state === "active" || state === "accepted") return t.consultation.waitingText[state];
  return t.consultation.waitingText.requested;
}

function Steps({ consultation }: { consultation: ConsultationView }) {
  const now = useNow();
  const steps = [
    { name: t.consultation.steps.requested, icon: Hourglass, at: consultation.requested_at },
    { name: t.consultation.steps.accepted, icon: UserCheck, at: consultation.accepted_at },
    { name: t.consultation.steps.active, icon: Video, at: consultation.started_at },
  ];
  const current = steps.findIndex((step) => step.at === null);
  return (
    <ol aria-label={t.consultation.stepsLabel} className="flex flex-col">
      {steps.map(({ name, icon, at }, index) => {
        const done = at !== null;
        const isCurrent = index === current;
        const Icon = done ? Check : icon;
        const since = steps[index - 1]?.at ?? now;
        return (
          <li key={name} aria-current={isCurrent ? "step" : undefined} className="group flex gap-3">
            <div className="flex flex-col items-center">
              <span
                className={cx(
                  "inline-flex size-9 shrink-0 items-center justify-center rounded-full border-2",
                  done && "border-ok bg-ok-soft text-ok",
                  isCurrent && "border-wait bg-wait-soft text-wait",
                  !done && !isCurrent && "border-line bg-surface text-ink-soft",
                )}
              >
                <Icon aria-hidden className="size-4" />
              </span>
              <span className={cx("my-1 w-0.5 grow rounded-full group-last:hidden", done ? "bg-ok" : "bg-line")} />
            </div>
            <div className="flex grow flex-wrap items-baseline justify-between gap-x-4 pt-1.5 pb-5 group-last:pb-0">
              <span className={cx("font-semibold", !done && !isCurrent && "text-ink-soft")}>
                {name}
                {done && <span className="sr-only">, {t.consultation.stepDone}</span>}
              </span>
              <span className="tabular text-sm text-ink-soft">
                {done && <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>}
                {isCurrent && t.consultation.waitingFor(duration(now - since))}
              </span>
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function DoctorsNow() {
  const doctors = useDoctors();
  if (!doctors.data) return null;
  const online = doctors.data.filter((doctor) => doctor.availability === "online").length;
  return <p className="text-sm text-ink-soft">{t.consultation.onlineNow(online)}.</p>;
}
