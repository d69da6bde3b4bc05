import { useParams } from "react-router";

import type { VerificationView } from "../../api/schema";
import { VerificationPill } from "../../features/access/VerificationPill";
import { DecisionForm } from "../../features/admin/DecisionForm";
import { DocumentView } from "../../features/admin/DocumentView";
import { useVerification } from "../../features/admin/reviews";
import { useNow, usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { day } from "../../lib/time";
import { Loaded } from "../../ui/Loaded";
import { PageHead } from "../../ui/PageHead";
import { Section } from "../../ui/Section";
import { SkeletonList } from "../../ui/Skeleton";

export function Verification() {
  const { id = "" } = useParams();
  const verification = useVerification(id);
  const title = verification.data?.doctor.name ?? t.admin.verificationTitle;
  usePageTitle(title);
  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-6">
      <PageHead title={title} back={{ to: "/admin/verifications", label: t.admin.verificationBack }} />
      <Loaded query={verification} loading={<SkeletonList rows={2} label={t.admin.verificationLoading} />}>
        {(loaded) => <Application verification={loaded} />}
      </Loaded>
    </div>
  );
}

function Application({ verification }: { verification: VerificationView }) {
  const now = useNow(60_000);
  const { specialty, state, submitted_at: submitted, decided_at: decided, reason } = verification;
  return (
    <div className="flex flex-col gap-6">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-ink-soft">
        <VerificationPill state={state} words={t.admin.verificationStates} />
        <span>{specialty === "" ? t.admin.noSpecialty : specialty}</span>
        <span>{t.admin.verificationSubmitted(day(submitted, now))}</span>
        {decided !== null && <span>{t.admin.verificationDecided(day(decided, now))}</span>}
      </div>
      <Section title={t.admin.document}>
        <DocumentView verification={verification} />
      </Section>
      <Section title={t.admin.decide}>
        {state === "pending" ? (
          <DecisionForm verification={verification} />
        ) : (
          <p className="whitespace-pre-line">
            <span className="font-semibold">{t.admin.reasonGiven}:</span> {reason ?? t.admin.reviewNoReason}
          </p>
        )}
      </Section>
    </div>
  );
}
