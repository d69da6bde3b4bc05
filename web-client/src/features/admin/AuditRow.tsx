import { BadgeCheck, Clock3 } from "lucide-react";
import { useState } from "react";

import type { AuditView } from "../../api/schema";
import { deed, purposeWords, roleWords } from "../../lib/audit";
import { cx } from "../../lib/classes";
import { locale, t } from "../../lib/i18n";
import { Moment } from "../../ui/Moment";
import { AuditProof } from "./AuditProof";

interface AuditRowProps {
  entry: AuditView;
  onPerson: (name: "actor" | "patient", id: string) => void;
}

const NUMBER = new Intl.NumberFormat(locale);

/** One entry as a sentence, with where and when below, and its proof on demand. */
export function AuditRow({ entry, onPerson }: AuditRowProps) {
  const [proof, setProof] = useState(false);
  const { actor, actor_name: actorName, role, patient, patient_name: patientName, outcome } = entry;
  const number = NUMBER.format(entry.seq);
  const who = actorName ?? (actor.startsWith("usr_") ? actor : actor === "server" ? t.audit.server : t.audit.somebody);
  return (
    <li className="flex flex-col gap-2 px-4 py-3 sm:px-5" data-testid="audit-row">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-1">
        <p className={cx("min-w-0 flex-1 basis-64", outcome !== "done" && "text-danger")}>
          <Person id={actor} name={who} label={t.trail.onlyBy(who)} onChoose={(id) => onPerson("actor", id)} />
          {role !== "" && role !== "guest" && ` (${roleWords(role)})`} {deed(entry.action, outcome)}
          {patient !== null && patient !== actor && (
            <>
              {", "}
              <Person
                id={patient}
                name={t.trail.ofPatient(patientName ?? patient)}
                label={t.trail.onlyAbout(patientName ?? patient)}
                onChoose={(id) => onPerson("patient", id)}
              />
            </>
          )}
          , {purposeWords(entry.purpose)}.
        </p>
        <ProofBadge proven={entry.proven} open={proof} number={number} onToggle={() => setProof(!proof)} />
      </div>
      <p className="flex flex-wrap gap-x-3 text-sm text-ink-soft">
        <Moment at={entry.at} className="inline-block first-letter:uppercase" />
        {entry.address !== "" && <span>{t.trail.fromAddress(entry.address)}</span>}
        <span className="tabular">{t.trail.number(number)}</span>
        {entry.subject !== "" && entry.subject !== actor && (
          <span className="font-mono break-all">{t.trail.subject(entry.subject)}</span>
        )}
      </p>
      {proof && <AuditProof seq={entry.seq} />}
    </li>
  );
}

/** A name that narrows the trail to this person. */
function Person({ id, name, label, onChoose }: { id: string; name: string; label: string; onChoose: (id: string) => void }) {
  if (!id.startsWith("usr_")) return <span className="font-semibold">{name}</span>;
  return (
    <button
      type="button"
      aria-label={label}
      onClick={() => onChoose(id)}
      className="rounded-sm py-2.5 -my-2.5 text-left font-semibold underline decoration-line-strong underline-offset-4 hover:decoration-current"
    >
      {name}
    </button>
  );
}

interface ProofBadgeProps {
  proven: boolean;
  open: boolean;
  number: string;
  onToggle: () => void;
}

function ProofBadge({ proven, open, number, onToggle }: ProofBadgeProps) {
  const look = "inline-flex items-center gap-1.5 rounded-full px-2.5 py-1 text-sm font-semibold whitespace-nowrap";
  if (!proven) {
    return (
      <span className={cx(look, "bg-raised text-ink-soft")}>
        <Clock3 aria-hidden className="size-4" />
        {t.trail.notYet}
      </span>
    );
  }
  return (
    <button type="button" aria-expanded={open} onClick={onToggle} className="-my-2 flex min-h-11 items-center rounded-full">
      <span className={cx(look, "bg-ok-soft text-ok")}>
        <BadgeCheck aria-hidden className="size-4" />
        {t.trail.proven}
        <span className="sr-only">. {t.trail.provenLabel(number)}</span>
      </span>
    </button>
  );
}
