import { ChevronRight } from "lucide-react";
import { Link } from "react-router";

import type { ConsultationView } from "../../api/schema";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { clockTime, day } from "../../lib/time";
import { Avatar } from "../../ui/Avatar";
import { StatePill } from "./StatePill";

interface ConsultationRowProps {
  consultation: ConsultationView;
  /** Whose side is reading: the row names the other person. */
  side: "patient" | "doctor";
}

/** One consultation in a list of earlier ones; the whole row leads to it. */
export function ConsultationRow({ consultation, side }: ConsultationRowProps) {
  const now = useNow(60_000);
  const other = side === "patient" ? consultation.doctor?.name : consultation.patient.name;
  const at = consultation.started_at ?? consultation.requested_at;
  return (
    <li>
      <Link
        to={`/consultations/${consultation.id}`}
        className="flex min-h-18 items-center gap-4 rounded-card border border-line bg-surface px-4 py-3 shadow-soft transition-colors duration-150 hover:border-brand"
      >
        <Avatar name={other ?? ""} className="self-start sm:self-center" />
        <span className="flex min-w-0 grow flex-col gap-x-4 gap-y-2 sm:flex-row sm:items-center">
          <span className="flex min-w-0 grow flex-col">
            <span className="truncate font-semibold">{other ?? t.consultation.noDoctor}</span>
            <span className="truncate text-sm text-ink-soft">{consultation.reason}</span>
          </span>
          <span className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 text-sm text-ink-soft sm:flex-col sm:items-end">
            <StatePill state={consultation.state} />
            <time dateTime={new Date(at).toISOString()} className="inline-block first-letter:uppercase">
              {day(at, now)}, {clockTime(at)}
            </time>
          </span>
        </span>
        <ChevronRight aria-hidden className="size-5 shrink-0 text-ink-soft" />
      </Link>
    </li>
  );
}
