import { CalendarX, CircleCheck, Clock, Video } from "lucide-react";
import { useNavigate } from "react-router";

import type { ConsultationView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Banner } from "../../ui/Banner";
import { Button, ButtonLink } from "../../ui/Button";
import { useStep } from "../consultation/queries";

interface JoinPanelProps {
  consultation: ConsultationView;
  /** The consultation is this person's to open. */
  isDoctor: boolean;
  /** Remembers what was chosen. */
  onJoin: () => void;
}

/** Where the consultation stands, and the way in. */
export function JoinPanel({ consultation, isDoctor, onJoin }: JoinPanelProps) {
  const { id, state } = consultation;
  const start = useStep("start");
  const navigate = useNavigate();
  const enter = () => {
    onJoin();
    void navigate(`/consultations/${id}/call`);
  };
  const starts = isDoctor && state === "accepted";
  const join = () => (starts ? start.mutate(id, { onSuccess: enter }) : enter());
  if (state === "completed" || state === "cancelled") {
    return (
      <Banner
        tone="neutral"
        icon={CalendarX}
        title={t.call.over}
        action={<ButtonLink to={`/consultations/${id}`}>{t.call.toConsultation}</ButtonLink>}
      >
        <p>{t.call.overText}</p>
      </Banner>
    );
  }
  const open = state === "active" || starts;
  const problem = start.isError ? t.errors[codeOf(start.error)] : null;
  return (
    <div className="flex flex-col gap-4">
      {problem && (
        <Banner tone="danger" live="alert" title={t.call.startFailed}>
          <p>
            {problem.title}. {problem.action}
          </p>
        </Banner>
      )}
      {!starts && <Standing consultation={consultation} isDoctor={isDoctor} open={open} />}
      <Button
        size="lg"
        icon={Video}
        disabled={!open}
        busy={start.isPending}
        onClick={join}
        data-testid="lobby-join"
        className="w-full"
      >
        {start.isPending ? t.call.joining : starts ? t.call.joinStarts : t.call.join}
      </Button>
    </div>
  );
}

function Standing({ consultation, isDoctor, open }: { consultation: ConsultationView; isDoctor: boolean; open: boolean }) {
  const other = isDoctor ? consultation.patient : consultation.doctor;
  return open ? (
    <Banner tone="ok" icon={CircleCheck} live="status" title={t.call.readyTitle}>
      {other && <p>{t.call.readyText(other.name)}</p>}
    </Banner>
  ) : (
    <Banner tone="wait" icon={Clock} live="status" title={t.errors.consultation_not_active.title}>
      <p>{t.call.waitingForDoctorText}</p>
    </Banner>
  );
}
