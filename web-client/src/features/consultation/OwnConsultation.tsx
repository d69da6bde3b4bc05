import { Ellipsis, PhoneOff, UserPlus, Video, X } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import type { ConsultationView } from "../../api/schema";
import { cx } from "../../lib/classes";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Avatar } from "../../ui/Avatar";
import { Button, ButtonLink } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Menu, MenuItem } from "../../ui/Menu";
import { useToast } from "../../ui/Toast";
import { CancelDialog } from "./CancelDialog";
import { EndDialog } from "./EndDialog";
import { InviteDialog } from "./InviteDialog";
import { useStep } from "./queries";
import { Reason } from "./Reason";
import { StatePill } from "./StatePill";

/** A doctor's accepted or active consultation: start, join, invite, and the ways to stop it. */
export function OwnConsultation({ consultation }: { consultation: ConsultationView }) {
  const { patient, state } = consultation;
  return (
    <Card className={cx("flex flex-col gap-4 p-4 sm:p-5", state === "active" && "border-ok")}>
      <div className="flex items-start gap-4">
        <Avatar name={patient.name} />
        <div className="flex min-w-0 grow flex-col items-start gap-1.5">
          <h3 className="font-semibold">{patient.name}</h3>
          <StatePill state={state} />
        </div>
        <Actions consultation={consultation} />
      </div>
      <Reason consultation={consultation} />
      <EnterCall consultation={consultation} />
    </Card>
  );
}

/** Starting opens the call for everybody and leads the doctor to the device check. */
function EnterCall({ consultation }: { consultation: ConsultationView }) {
  const start = useStep("start");
  const navigate = useNavigate();
  const toast = useToast();
  const lobby = `/consultations/${consultation.id}/lobby`;
  if (consultation.state === "active") {
    return (
      <ButtonLink to={lobby} icon={Video}>
        {t.consultation.rejoin}
      </ButtonLink>
    );
  }
  return (
    <Button
      icon={Video}
      busy={start.isPending}
      onClick={() =>
        start.mutate(consultation.id, {
          onSuccess: () => void navigate(lobby),
          onError: (error) => {
            const text = t.errors[codeOf(error)];
            toast({ tone: "danger", text: `${text.title}. ${text.action}` });
          },
        })
      }
    >
      {t.consultation.start}
    </Button>
  );
}

type Asked = "invite" | "cancel" | "end" | null;

function Actions({ consultation }: { consultation: ConsultationView }) {
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  return (
    <>
      <Menu
        trigger={
          <button
            type="button"
            aria-label={t.consultation.more(consultation.patient.name)}
            className="inline-flex size-11 shrink-0 items-center justify-center rounded-full text-ink-soft hover:bg-raised hover:text-ink"
          >
            <Ellipsis aria-hidden className="size-5" />
          </button>
        }
      >
        <MenuItem icon={UserPlus} onSelect={() => setAsked("invite")}>
          {t.consultation.invite}
        </MenuItem>
        {consultation.state === "active" ? (
          <MenuItem icon={PhoneOff} danger onSelect={() => setAsked("end")}>
            {t.consultation.endNow}
          </MenuItem>
        ) : (
          <MenuItem icon={X} danger onSelect={() => setAsked("cancel")}>
            {t.consultation.cancel}
          </MenuItem>
        )}
      </Menu>
      <InviteDialog consultationId={consultation.id} open={asked === "invite"} onClose={close} />
      <CancelDialog consultation={consultation} by="doctor" open={asked === "cancel"} onClose={close} />
      <EndDialog consultation={consultation} open={asked === "end"} onClose={close} />
    </>
  );
}
