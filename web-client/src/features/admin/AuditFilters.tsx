import { ChevronDown, FilterX } from "lucide-react";

import { t } from "../../lib/i18n";
import { Button } from "../../ui/Button";
import { Select, TextField } from "../../ui/Field";
import { type AuditFilter, PERIODS } from "./auditFilter";
import { PersonFilter } from "./PersonFilter";

interface AuditFiltersProps {
  filter: AuditFilter;
  /** Of the chosen people. */
  names: { actor: string; patient: string };
  onPerson: (which: "actor" | "patient", id: string, name: string) => void;
  onChange: (name: keyof AuditFilter, value: string) => void;
  onReset: () => void;
}

/** The parts of the sentence. They take effect at once. */
export function AuditFilters({ filter, names, onPerson, onChange, onReset }: AuditFiltersProps) {
  const select = (name: keyof AuditFilter) => ({
    value: filter[name],
    onChange: (event: React.ChangeEvent<HTMLSelectElement>) => onChange(name, event.currentTarget.value),
  });
  return (
    <details className="group rounded-card border border-line bg-surface shadow-soft">
      <summary className="flex min-h-11 list-none items-center gap-2 rounded-card px-4 py-2.5 font-semibold [&::-webkit-details-marker]:hidden">
        <ChevronDown aria-hidden className="size-5 -rotate-90 text-ink-soft group-open:rotate-0" />
        {t.trail.filters}
      </summary>
      <div className="grid items-start gap-4 p-4 pt-2 sm:grid-cols-2 lg:grid-cols-3">
        <Select label={t.trail.action} {...select("action")}>
          <option value="">{t.trail.anyAction}</option>
          {Object.entries(t.audit.actions).map(([action, words]) => (
            <option key={action} value={action}>
              {words}
            </option>
          ))}
        </Select>
        <PersonFilter
          label={t.trail.actor}
          value={filter.actor}
          name={names.actor}
          onChange={(id, name) => onPerson("actor", id, name)}
        />
        <PersonFilter
          label={t.trail.patient}
          among="patient"
          value={filter.patient}
          name={names.patient}
          onChange={(id, name) => onPerson("patient", id, name)}
        />
        <Select label={t.trail.purpose} {...select("purpose")}>
          <option value="">{t.trail.anyPurpose}</option>
          {Object.entries(t.audit.purposes).map(([code, words]) => (
            <option key={code} value={code}>
              {words}
            </option>
          ))}
        </Select>
        <Select label={t.trail.outcome} {...select("outcome")}>
          <option value="">{t.trail.anyOutcome}</option>
          {Object.entries(t.trail.outcomes).map(([outcome, words]) => (
            <option key={outcome} value={outcome}>
              {words}
            </option>
          ))}
        </Select>
        <Select label={t.trail.period} {...select("period")}>
          {PERIODS.map((period) => (
            <option key={period} value={period}>
              {t.trail.periods[period]}
            </option>
          ))}
        </Select>
        {filter.period === "days" &&
          (["from", "to"] as const).map((name) => (
            <TextField
              key={name}
              type="date"
              label={t.trail[name]}
              value={filter[name]}
              onChange={(event) => onChange(name, event.currentTarget.value)}
            />
          ))}
        <Button variant="quiet" icon={FilterX} className="self-end justify-self-start" onClick={onReset}>
          {t.trail.reset}
        </Button>
      </div>
    </details>
  );
}
