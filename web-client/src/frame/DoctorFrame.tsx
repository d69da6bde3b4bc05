import { CalendarDays, History, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Link, NavLink } from "react-router";

import { cx } from "../lib/classes";
import { t } from "../lib/i18n";
import { AccountMenu } from "./AccountMenu";
import { AvailabilitySwitch } from "./AvailabilitySwitch";
import { ConnectionDot } from "./ConnectionDot";
import { LogoMark } from "./Logo";
import { SkipLink } from "./SkipLink";

const PLACES: readonly { to: string; label: string; icon: LucideIcon }[] = [
  { to: "/", label: t.frame.today, icon: CalendarDays },
  { to: "/history", label: t.frame.history, icon: History },
];

export function DoctorFrame({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-dvh flex-col [--frame-top:4.3125rem] md:flex-row print:block">
      <SkipLink />
      <Rail />
      <div className="flex min-w-0 grow flex-col pb-20 md:pb-0">
        <header className="sticky top-0 z-10 flex items-center gap-3 border-b border-line bg-surface px-4 py-2.5 sm:px-6 print:hidden">
          <div className="mr-auto flex items-center gap-4">
            <AvailabilitySwitch />
            <ConnectionDot />
          </div>
          <AccountMenu />
        </header>
        <main id="content" tabIndex={-1} className="mx-auto w-full max-w-6xl grow px-4 py-6 outline-none sm:px-6 sm:py-8">
          {children}
        </main>
      </div>
    </div>
  );
}

/** At the left; on a phone it is a bar under the thumb. */
function Rail() {
  return (
    <nav
      aria-label={t.frame.mainNavigation}
      className={cx(
        "fixed inset-x-0 bottom-0 z-20 flex border-t border-line bg-surface",
        "md:sticky md:top-0 md:h-dvh md:w-24 md:shrink-0 md:flex-col md:items-stretch md:gap-1 md:border-t-0 md:border-r md:px-2 md:py-3 print:hidden",
      )}
    >
      <Link to="/" aria-label={t.frame.home} className="mx-auto mb-3 hidden rounded-control md:block">
        <LogoMark className="size-11" />
      </Link>
      {PLACES.map(({ to, label, icon: Icon }) => (
        <NavLink
          key={to}
          to={to}
          end
          className={({ isActive }) =>
            cx(
              "flex min-h-14 grow flex-col items-center justify-center gap-1 rounded-control text-sm font-semibold md:grow-0 md:py-2",
              isActive ? "bg-brand-soft text-brand-text" : "text-ink-soft hover:bg-raised hover:text-ink",
            )
          }
        >
          <Icon aria-hidden className="size-5" />
          {label}
        </NavLink>
      ))}
    </nav>
  );
}
