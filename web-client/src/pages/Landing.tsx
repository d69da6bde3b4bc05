import { LogIn, UserPlus } from "lucide-react";

import { usePolicy } from "../features/account/registration";
import { Points } from "../features/session/Points";
import { PlainFrame } from "../frame/PlainFrame";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ButtonLink } from "../ui/Button";
import { Card } from "../ui/Card";

/** The start page of somebody who is not signed in. */
export function Landing() {
  usePageTitle("");
  const policy = usePolicy();
  const maySignUp = policy.data?.registration === true;
  return (
    <PlainFrame>
      <div className="mx-auto flex w-full max-w-5xl grow flex-col justify-center gap-12 px-4 py-8 lg:gap-16 lg:py-14">
        <section className="grid items-center gap-10 lg:grid-cols-[7fr_5fr] lg:gap-16">
          <div className="flex flex-col gap-5">
            <h1 className="text-3xl font-semibold tracking-tight">{t.account.landingTitle}</h1>
            <p className="max-w-prose text-lg text-ink-soft">{t.account.landingLead}</p>
            <div className="flex flex-wrap gap-3">
              <ButtonLink to="/signin" size="lg" icon={LogIn}>
                {t.account.landingSignIn}
              </ButtonLink>
              {maySignUp && (
                <ButtonLink to="/sign-up" size="lg" variant="secondary" icon={UserPlus}>
                  {t.account.landingSignUp}
                </ButtonLink>
              )}
            </div>
          </div>
          <Card>
            <Points />
          </Card>
        </section>
        <section aria-labelledby="steps" className="flex flex-col gap-5">
          <h2 id="steps" className="text-xl font-semibold">
            {t.account.landingStepsTitle}
          </h2>
          <ol className="grid gap-4 sm:grid-cols-3">
            {t.account.landingSteps.map(({ title, text }, index) => (
              <li key={title} className="flex flex-col gap-1 border-l-3 border-brand pl-4">
                <span aria-hidden className="tabular text-sm font-semibold text-brand-text">
                  {index + 1}
                </span>
                <h3 className="font-semibold">{title}</h3>
                <p className="text-ink-soft">{text}</p>
              </li>
            ))}
          </ol>
        </section>
        {maySignUp && (
          <section aria-labelledby="doctors" className="flex flex-col gap-1 border-t border-line pt-6">
            <h2 id="doctors" className="font-semibold">
              {t.account.landingDoctorsTitle}
            </h2>
            <p className="text-ink-soft">{t.account.landingDoctorsText}</p>
          </section>
        )}
      </div>
    </PlainFrame>
  );
}
