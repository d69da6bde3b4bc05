import { Siren } from "lucide-react";
import { useState } from "react";

import { BreakGlassCard } from "../../features/admin/BreakGlassCard";
import { useBreakGlasses } from "../../features/admin/reviews";
import { usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { PageHead } from "../../ui/PageHead";
import { SkeletonList } from "../../ui/Skeleton";
import { Tabs } from "../../ui/Tabs";

const SHOWN = [
  { value: "open", label: t.admin.reviewOpen },
  { value: "all", label: t.admin.reviewAll },
] as const;

/** The review queue of emergency accesses. */
export function EmergencyAccesses() {
  usePageTitle(t.admin.reviewTitle);
  const [shown, setShown] = useState<"open" | "all">("open");
  const accesses = useBreakGlasses(shown);
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6">
      <PageHead title={t.admin.reviewTitle} text={t.admin.reviewText} />
      <Tabs label={t.admin.reviewShow} value={shown} onChange={setShown} options={SHOWN} />
      <Loaded query={accesses} loading={<SkeletonList label={t.admin.reviewLoading} />}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={Siren} title={t.admin.reviewEmptyTitle}>
              {t.admin.reviewEmptyText}
            </EmptyState>
          ) : (
            <ul className="flex flex-col gap-3">
              {all.map((each) => (
                <BreakGlassCard key={each.id} access={each} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </div>
  );
}
