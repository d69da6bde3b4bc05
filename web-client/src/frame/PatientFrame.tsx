import type { ReactNode } from "react";
import { Link } from "react-router";

import { useUser } from "../features/session/RequireSession";
import { t } from "../lib/i18n";
import { AccountMenu } from "./AccountMenu";
import { EmergencyLink } from "./EmergencyLink";
import { Logo } from "./Logo";
import { NoticesBell } from "./NoticesBell";
import { SkipLink } from "./SkipLink";

export function PatientFrame({ children }: { children: ReactNode }) {
  const { role } = useUser();
  return (
    <div className="flex min-h-dvh flex-col">
      <SkipLink />
      <header className="border-b border-line bg-surface print:hidden">
        <div className="mx-auto flex max-w-2xl items-center gap-2 px-4 py-2.5">
          <Link to="/" aria-label={t.frame.home} className="mr-auto flex min-h-11 items-center rounded-control">
            <Logo />
          </Link>
          <EmergencyLink />
          {role !== "guest" && <NoticesBell />}
          <AccountMenu />
        </div>
      </header>
      <main id="content" tabIndex={-1} className="mx-auto w-full max-w-2xl grow px-4 py-6 outline-none sm:py-10">
        {children}
      </main>
      <footer className="px-4 pb-6 text-center text-sm text-ink-soft print:hidden">{t.frame.notMedicalDevice}</footer>
    </div>
  );
}
