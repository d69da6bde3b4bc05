import { Download, SearchX } from "lucide-react";
import { useState } from "react";

import type { AuditPageView, AuditView } from "../../api/schema";
import { useAudit, useAuditExport } from "../../features/admin/audit";
import { filterOf, queryOf, sentenceOf } from "../../features/admin/auditFilter";
import { AuditFilters } from "../../features/admin/AuditFilters";
import { AuditRow } from "../../features/admin/AuditRow";
import { usePersonName } from "../../features/admin/users";
import { codeOf } from "../../lib/errors";
import { useAddressValues, useNow, usePageTitle } from "../../lib/hooks";
import { locale, t } from "../../lib/i18n";
import { saveFile } from "../../lib/save";
import { clockTime, day } from "../../lib/time";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Loaded } from "../../ui/Loaded";
import { MoreButton } from "../../ui/MoreButton";
import { PageHead } from "../../ui/PageHead";
import { SkeletonList } from "../../ui/Skeleton";

const HOUR_MS = 60 * 60_000;

/** Filters as one sentence, a proof for every signed entry, export of what is shown. */
export function Audit() {
  usePageTitle(t.trail.title);
  const { values, set, reset } = useAddressValues();
  const filter = filterOf(values);
  // "In the last 7 days" counts from the full hour, so that the pages of one answer fit together.
  const query = queryOf(filter, Math.floor(useNow(60_000) / HOUR_MS) * HOUR_MS);
  const audit = useAudit(query);
  const entries = audit.data?.pages.flatMap((page) => page.items) ?? [];
  const seen = useNamesOf(entries);
  const actor = usePersonName(filter.actor, seen.get(filter.actor), audit.isSuccess);
  const patient = usePersonName(filter.patient, seen.get(filter.patient), audit.isSuccess);
  const choose = (which: "actor" | "patient", id: string, name: string) => {
    if (name !== "") seen.set(id, name);
    set(which, id);
  };
  return (
    <div className="flex flex-col gap-6">
      <PageHead title={t.trail.title} text={t.trail.text} />
      <div className="flex flex-col gap-3">
        <p className="text-lg font-semibold text-balance" data-testid="audit-sentence" aria-live="polite">
          {sentenceOf(filter, (id) => (id === filter.actor ? actor : patient))}
        </p>
        <AuditFilters
          filter={filter}
          names={{ actor, patient }}
          onPerson={choose}
          onChange={set}
          onReset={reset}
        />
      </div>
      <Loaded query={audit} loading={<SkeletonList label={t.trail.loading} />}>
        {({ pages }) => (
          <div className="flex flex-col gap-4">
            {pages[0] && <Standing page={pages[0]} query={query} />}
            {entries.length === 0 ? (
              <EmptyState icon={SearchX} title={t.trail.emptyTitle}>
                {t.trail.emptyText}
              </EmptyState>
            ) : (
              <ol className="divide-y divide-line rounded-card border border-line bg-surface shadow-soft">
                {entries.map((entry) => (
                  <AuditRow key={entry.seq} entry={entry} onPerson={set} />
                ))}
              </ol>
            )}
          </div>
        )}
      </Loaded>
      <MoreButton query={audit} />
    </div>
  );
}

/** Names by id, of everybody who stood in the trail since the page was opened. */
function useNamesOf(entries: AuditView[]): Map<string, string> {
  const [names] = useState(() => new Map<string, string>());
  for (const { actor, actor_name: name, patient, patient_name: patientName } of entries) {
    if (name !== null) names.set(actor, name);
    if (patient !== null && patientName !== null) names.set(patient, patientName);
  }
  return names;
}

const NUMBER = new Intl.NumberFormat(locale);

/** How long the trail is and how far it is signed, with the export. */
function Standing({ page: { size, checkpoint }, query }: { page: AuditPageView; query: string }) {
  const now = useNow(60_000);
  const get = useAuditExport();
  const save = (format: "csv" | "ndjson") =>
    get.mutate({ format, query }, { onSuccess: (file) => saveFile(file, t.trail.exportFile(format)) });
  const problem = get.error && t.errors[codeOf(get.error)];
  return (
    <>
      <ErrorSummary
        key={get.submittedAt}
        title={t.trail.exportFailed}
        problems={problem ? [{ message: `${problem.title}. ${problem.action}` }] : []}
      />
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-ink-soft">
          {t.trail.size(NUMBER.format(size))}{" "}
          {checkpoint === null
            ? t.trail.noCheckpoint
            : t.trail.checkpoint(NUMBER.format(checkpoint.size), `${day(checkpoint.at, now)}, ${clockTime(checkpoint.at)}`)}
        </p>
        <div className="flex flex-wrap gap-3">
          <Button variant="secondary" icon={Download} busy={get.isPending} onClick={() => save("csv")}>
            {t.trail.exportCsv}
          </Button>
          <Button variant="secondary" icon={Download} busy={get.isPending} onClick={() => save("ndjson")}>
            {t.trail.exportJson}
          </Button>
        </div>
      </div>
    </>
  );
}
