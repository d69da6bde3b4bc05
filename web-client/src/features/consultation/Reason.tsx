import { ChevronDown } from "lucide-react";
import { useState } from "react";

import type { ConsultationView } from "../../api/schema";
import { cx } from "../../lib/classes";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { useReason } from "./queries";

/** Longer ones are shown in part at first, so that one of them does not push the others off the screen. */
const LONG_CHARACTERS = 220;
const LONG_LINES = 3;
const LINK = "-ml-2 inline-flex min-h-11 items-center gap-1 rounded-control px-2 font-semibold text-brand-text hover:bg-raised";

interface ReasonProps {
  consultation: ConsultationView;
  /** Not until the reader asks for it: what a queue shows has been read. */
  onDemand?: boolean;
}

/** What the patient wrote. All of it can be read before anything is decided. */
export function Reason({ consultation: { id, patient }, onDemand = false }: ReasonProps) {
  const [wanted, setWanted] = useState(!onDemand);
  const reason = useReason(id, wanted);
  if (reason.data !== undefined) return <Text text={reason.data} />;
  if (reason.isError) return <p className="text-danger">{t.errors[codeOf(reason.error)].title}</p>;
  return (
    <div className="min-h-11">
      {onDemand && (
        <button
          type="button"
          aria-label={t.consultation.reasonLabel(patient.name)}
          aria-busy={wanted}
          onClick={() => setWanted(true)}
          className={LINK}
        >
          {t.consultation.reasonShow}
          <ChevronDown aria-hidden className="size-4" />
        </button>
      )}
    </div>
  );
}

function Text({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  const long = text.length > LONG_CHARACTERS || text.split("\n").length > LONG_LINES;
  return (
    <div className="text-ink-soft">
      <p className={cx("break-words whitespace-pre-line", long && !all && "line-clamp-3")}>{text}</p>
      {long && (
        <button type="button" aria-expanded={all} onClick={() => setAll(!all)} className={LINK}>
          {all ? t.consultation.reasonLess : t.consultation.reasonMore}
        </button>
      )}
    </div>
  );
}
