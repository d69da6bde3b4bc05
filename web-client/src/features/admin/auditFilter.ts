import { t } from "../../lib/i18n";
import { dayAndYear } from "../../lib/time";

/** What the audit viewer shows; all of it stands in the page's address. */
export interface AuditFilter {
  actor: string;
  patient: string;
  action: string;
  outcome: string;
  purpose: string;
  period: Period;
  /** Days as `2026-03-10`, with the period "days" only. */
  from: string;
  to: string;
}

export const PERIODS = ["day", "week", "month", "all", "days"] as const;
export type Period = (typeof PERIODS)[number];

const DAY_MS = 24 * 60 * 60_000;
const DAYS: Partial<Record<Period, number>> = { day: 1, week: 7, month: 30 };

export function filterOf(search: URLSearchParams): AuditFilter {
  const text = (name: string) => search.get(name) ?? "";
  const period = PERIODS.find((each) => each === search.get("period")) ?? "week";
  return {
    actor: text("actor"),
    patient: text("patient"),
    action: text("action"),
    outcome: text("outcome"),
    purpose: text("purpose"),
    period,
    from: text("from"),
    to: text("to"),
  };
}

/** As the server takes it: `from` and `to` in milliseconds, `to` not included. */
export function queryOf(filter: AuditFilter, now: number): string {
  const query = new URLSearchParams();
  for (const name of ["actor", "patient", "action", "outcome", "purpose"] as const) {
    if (filter[name] !== "") query.set(name, filter[name]);
  }
  const back = DAYS[filter.period];
  if (back !== undefined) query.set("from", String(now - back * DAY_MS));
  if (filter.period === "days") {
    const [from, to] = [startOf(filter.from), startOf(filter.to)];
    if (from !== null) query.set("from", String(from));
    if (to !== null) query.set("to", String(nextDay(to)));
  }
  return query.toString();
}

/** "Read a transcript that was refused by Dr. Lee, about the data of Ana, for treatment, in the last 7 days." */
export function sentenceOf(filter: AuditFilter, nameOf: (id: string) => string): string {
  const words: Record<string, string> = t.audit.actions;
  const purposes: Record<string, string> = t.audit.purposes;
  const outcomes: Record<string, string> = t.trail.outcomeWords;
  const action = filter.action === "" ? t.trail.everything : (words[filter.action] ?? filter.action);
  return t.trail.sentence(
    capitalised(action) + (outcomes[filter.outcome] ?? ""),
    filter.actor === "" ? t.trail.anyone : nameOf(filter.actor),
    filter.patient === "" ? t.trail.anybodysData : t.trail.dataOf(nameOf(filter.patient)),
    filter.purpose === "" ? "" : `, ${purposes[filter.purpose] ?? filter.purpose}`,
    periodWords(filter),
  );
}

function periodWords({ period, from, to }: AuditFilter): string {
  if (period !== "days") return t.trail.periods[period];
  const [start, end] = [startOf(from), startOf(to)];
  if (start !== null && end !== null) return t.trail.between(dayAndYear(start), dayAndYear(end));
  if (start !== null) return t.trail.since(dayAndYear(start));
  if (end !== null) return t.trail.until(dayAndYear(end));
  return t.trail.periods.all;
}

/** Midnight of this calendar day here. */
function startOf(date: string): number | null {
  const at = new Date(`${date}T00:00`).getTime();
  return Number.isNaN(at) ? null : at;
}

/** Midnight of the day after; days are not always 24 hours long. */
function nextDay(start: number): number {
  const date = new Date(start);
  return date.setDate(date.getDate() + 1);
}

function capitalised(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
