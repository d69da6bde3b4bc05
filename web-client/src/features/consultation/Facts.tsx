import type { ConsultationView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { clockTime, duration, fullDay } from "../../lib/time";

/** Who, when, how long and why, as a list of facts. */
export function Facts({ consultation }: { consultation: ConsultationView }) {
  const { patient, doctor, requested_at: requested, started_at: started, ended_at: ended, specialty, reason } = consultation;
  const label = t.consultation.facts;
  const facts: [string, string][] = [
    [label.patient, patient.name],
    [label.doctor, doctor?.name ?? t.consultation.noDoctor],
    [label.date, fullDay(started ?? requested)],
  ];
  if (started !== null && ended !== null) {
    facts.push([label.time, t.consultation.range(clockTime(started), clockTime(ended))]);
    facts.push([label.length, duration(ended - started)]);
  }
  if (specialty !== "") facts.push([label.specialty, specialty]);
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-3">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt className="text-sm text-ink-soft">{name}</dt>
          <dd className="tabular font-semibold break-words">{value}</dd>
        </div>
      ))}
      {reason !== "" && (
        <div className="col-span-full">
          <dt className="text-sm text-ink-soft">{label.reason}</dt>
          <dd className="break-words whitespace-pre-line">{reason}</dd>
        </div>
      )}
    </dl>
  );
}
