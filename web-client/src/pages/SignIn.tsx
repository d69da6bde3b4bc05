import { useState } from "react";
import { Navigate, useLocation, useSearchParams } from "react-router";

import type { SecondStepView } from "../api/schema";
import { NewPasswordStep } from "../features/session/NewPasswordStep";
import { PasswordStep } from "../features/session/PasswordStep";
import { Points } from "../features/session/Points";
import { SecondStep } from "../features/session/SecondStep";
import { stepFromFragment, useSession } from "../features/session/session";
import { PlainFrame } from "../frame/PlainFrame";
import { useFragmentSecret } from "../lib/fragment";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ownPath } from "../lib/paths";
import { Banner } from "../ui/Banner";
import { Card } from "../ui/Card";

/** What other pages send people here with. */
export type SignInNews = "signed_up" | "password_reset" | "set_up";

export function SignIn() {
  usePageTitle(t.session.signInTitle);
  const session = useSession();
  const [search] = useSearchParams();
  const [chosen, setStep] = useState<SecondStepView | null | undefined>();
  // Single sign-on leads here when one's own second step is to follow.
  const brought = stepFromFragment(useFragmentSecret());
  const step = chosen === undefined ? brought : chosen;
  const next = search.get("next");
  const refusal = search.get("error");
  if (session.data) {
    // A way back from a provider that took too long: who is signed in had left to prove who they are.
    const place = refusal === null ? ownPath(next) : `/settings/security?error=${encodeURIComponent(refusal)}`;
    return <Navigate to={place} replace />;
  }
  return (
    <PlainFrame>
      <div className="mx-auto grid w-full max-w-5xl grow items-center gap-10 px-4 py-6 lg:grid-cols-2 lg:gap-20">
        <section className="order-2 flex flex-col gap-8 lg:order-1">
          <p className="hidden text-3xl font-semibold tracking-tight text-balance lg:block">{t.session.signInLead}</p>
          <Points />
        </section>
        <div className="order-1 flex w-full flex-col gap-4 lg:order-2">
          {step === null && <News cameFromInside={next !== null} refusal={refusal} />}
          <Card className="sm:p-8">
            {step === null ? (
              <PasswordStep onSecondStep={setStep} />
            ) : step.methods.includes("new_password") ? (
              <NewPasswordStep challenge={step.challenge} />
            ) : (
              <SecondStep step={step} onStartOver={() => setStep(null)} />
            )}
          </Card>
        </div>
      </div>
    </PlainFrame>
  );
}

const GOOD_NEWS: Record<SignInNews, string> = {
  signed_up: t.account.signUpReady,
  password_reset: t.account.resetDone,
  set_up: t.account.setupReady,
};

/** Why somebody is here: where they come from, or what single sign-on answered. */
function News({ cameFromInside, refusal }: { cameFromInside: boolean; refusal: string | null }) {
  const state: unknown = useLocation().state;
  const news = Object.keys(GOOD_NEWS).find((each) => each === state) as SignInNews | undefined;
  if (refusal !== null) {
    const reasons: Record<string, string> = t.session.ssoErrors;
    return (
      <Banner tone="danger" live="alert" title={t.session.signInFailed}>
        {Object.hasOwn(reasons, refusal) ? reasons[refusal] : t.session.ssoErrors.other}
      </Banner>
    );
  }
  if (news) return <Banner tone="ok" live="status">{GOOD_NEWS[news]}</Banner>;
  return cameFromInside ? <Banner tone="neutral">{t.session.signedOut}</Banner> : null;
}
