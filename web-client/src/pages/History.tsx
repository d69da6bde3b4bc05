import { FileText, Search } from "lucide-react";
import { useState } from "react";

import type { ConsultationView } from "../api/schema";
import { ConsultationRow } from "../features/consultation/ConsultationRow";
import { isOpen, useConsultations } from "../features/consultation/queries";
import { useUser } from "../features/session/RequireSession";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { EmptyState } from "../ui/EmptyState";
import { TextField } from "../ui/Field";
import { Loaded } from "../ui/Loaded";
import { SkeletonList } from "../ui/Skeleton";

/** Everything that is over, newest first. */
export function History() {
  usePageTitle(t.consultation.historyTitle);
  const consultations = useConsultations(false);
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6">
      <h1 className="text-2xl font-semibold">{t.consultation.historyTitle}</h1>
      <Loaded query={consultations} loading={<SkeletonList label={t.consultation.earlierLoading} />}>
        {(all) => <Earlier consultations={all.filter((each) => !isOpen(each))} />}
      </Loaded>
    </div>
  );
}

function Earlier({ consultations }: { consultations: ConsultationView[] }) {
  const { role } = useUser();
  const [filter, setFilter] = useState("");
  if (consultations.length === 0) {
    return (
      <EmptyState icon={FileText} title={t.consultation.historyEmptyTitle}>
        {t.consultation.historyEmptyText}
      </EmptyState>
    );
  }
  const wanted = filter.trim().toLocaleLowerCase();
  const shown = consultations.filter((each) =>
    [each.patient.name, each.doctor?.name ?? "", each.reason].some((text) => text.toLocaleLowerCase().includes(wanted)),
  );
  return (
    <>
      <search className="relative">
        <Search aria-hidden className="pointer-events-none absolute top-1/2 left-3.5 z-1 size-5 -translate-y-1/2 text-ink-soft" />
        <TextField
          type="search"
          label={t.consultation.historyFilter}
          labelHidden
          placeholder={t.consultation.historyFilter}
          autoComplete="off"
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
          className="pl-11"
        />
      </search>
      <p role="status" className="text-ink-soft empty:hidden">
        {shown.length === 0 && t.consultation.historyNone}
      </p>
      <ul className="flex flex-col gap-3">
        {shown.map((each) => (
          <ConsultationRow key={each.id} consultation={each} side={role === "patient" ? "patient" : "doctor"} />
        ))}
      </ul>
    </>
  );
}
