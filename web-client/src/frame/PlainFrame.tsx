import type { ReactNode } from "react";

import { t } from "../lib/i18n";
import { EmergencyLink } from "./EmergencyLink";
import { Logo } from "./Logo";
import { SkipLink } from "./SkipLink";

/** For people who are not signed in. */
export function PlainFrame({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-dvh flex-col">
      <SkipLink />
      <header className="mx-auto flex w-full max-w-5xl items-center justify-between px-4 py-2.5">
        <Logo />
        <EmergencyLink />
      </header>
      <main id="content" tabIndex={-1} className="flex grow flex-col outline-none">
        {children}
      </main>
      <footer className="px-4 py-6 text-center text-sm text-ink-soft">{t.frame.notMedicalDevice}</footer>
    </div>
  );
}
