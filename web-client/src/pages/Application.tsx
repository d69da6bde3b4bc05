import type { VerificationView } from "../api/schema";
import { useApplication } from "../features/access/application";
import { LicenceForm } from "../features/access/LicenceForm";
import { VerificationPill } from "../features/access/VerificationPill";
import { useNow, usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { day } from "../lib/time";
import { Card } from "../ui/Card";
import { Loaded } from "../ui/Loaded";
import { PageHead } from "../ui/PageHead";
import { SkeletonList } from "../ui/Skeleton";

/** A doctor's way in: hand the licence in, see where it stands. */
export function Application() {
  usePageTitle(t.access.applicationTitle);
  const application = useApplication();
  return (
    <div className="mx-auto flex w-full max-w-2xl flex-col gap-6">
      <PageHead title={t.access.applicationTitle} text={t.access.applicationText} />
      <Loaded query={application} loading={<SkeletonList rows={1} label={t.access.applicationLoading} />}>
        {(loaded) => (
          <>
            {loaded && <Standing application={loaded} />}
            {(loaded === null || loaded.state === "rejected") && (
              <Card>
                <LicenceForm />
              </Card>
            )}
          </>
        )}
      </Loaded>
    </div>
  );
}

const NEXT = {
  pending: t.access.applicationPendingText,
  approved: t.access.applicationApprovedText,
  rejected: t.access.applicationRejectedText,
};

function Standing({ application: { state, submitted_at: submitted, decided_at: decided, reason } }: { application: VerificationView }) {
  const now = useNow(60_000);
  return (
    <Card className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <VerificationPill state={state} words={t.access.applicationStates} />
        <p className="text-ink-soft">
          {t.access.applicationSubmitted(day(submitted, now))}
          {decided !== null && ` ${t.access.applicationDecided(day(decided, now))}`}
        </p>
      </div>
      <p>{NEXT[state]}</p>
      {reason !== null && (
        <div className="border-l-3 border-line-strong pl-4">
          <p className="text-sm font-semibold text-ink-soft">{t.access.applicationReason}</p>
          <p className="whitespace-pre-line">{reason}</p>
        </div>
      )}
    </Card>
  );
}
