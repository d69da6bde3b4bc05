import { ChevronRight, IdCard } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import type { VerificationView } from "../../api/schema";
import { VerificationPill } from "../../features/access/VerificationPill";
import { useVerifications } from "../../features/admin/reviews";
import { useNow, usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { day } from "../../lib/time";
import { Avatar } from "../../ui/Avatar";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { PageHead } from "../../ui/PageHead";
import { SkeletonList } from "../../ui/Skeleton";
import { Tabs } from "../../ui/Tabs";

const SHOWN = [
  { value: "pending", label: t.admin.verificationPending },
  { value: "all", label: t.admin.verificationAll },
] as const;

/** Doctors who wait to be let in, those who wait longest first. */
export function Verifications() {
  usePageTitle(t.admin.verificationTitle);
  const [shown, setShown] = useState<"pending" | "all">("pending");
  const verifications = useVerifications(shown);
  return (
    <div className="flex flex-col gap-6">
      <PageHead title={t.admin.verificationTitle} text={t.admin.verificationText} />
      <Tabs label={t.admin.verificationShow} value={shown} onChange={setShown} options={SHOWN} />
      <Loaded query={verifications} loading={<SkeletonList label={t.admin.verificationLoading} />}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={IdCard} title={t.admin.verificationEmptyTitle}>
              {t.admin.verificationEmptyText}
            </EmptyState>
          ) : (
            <ul className="flex flex-col gap-2">
              {all.map((each) => (
                <Row key={each.id} verification={each} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </div>
  );
}

function Row({ verification: { id, doctor, specialty, state, submitted_at: at } }: { verification: VerificationView }) {
  const now = useNow(60_000);
  return (
    <li>
      <Link
        to={`/admin/verifications/${id}`}
        className="flex min-h-18 items-center gap-4 rounded-card border border-line bg-surface px-4 py-3 shadow-soft transition-colors duration-150 hover:border-brand"
      >
        <Avatar name={doctor.name} className="self-start sm:self-center" />
        <span className="flex min-w-0 grow flex-col gap-x-4 gap-y-2 sm:flex-row sm:items-center">
          <span className="flex min-w-0 grow flex-col">
            <span className="truncate font-semibold">{doctor.name}</span>
            <span className="truncate text-sm text-ink-soft">{specialty === "" ? t.admin.noSpecialty : specialty}</span>
          </span>
          <span className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-1 text-sm text-ink-soft">
            {t.admin.verificationSubmitted(day(at, now))}
            <VerificationPill state={state} words={t.admin.verificationStates} />
          </span>
        </span>
        <ChevronRight aria-hidden className="size-5 shrink-0 text-ink-soft" />
      </Link>
    </li>
  );
}
