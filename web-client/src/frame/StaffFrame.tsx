import type { ReactNode } from "react";

import { useUser } from "../features/session/RequireSession";
import { AccountMenu } from "./AccountMenu";
import { AvailabilitySwitch } from "./AvailabilitySwitch";
import { ConnectionDot } from "./ConnectionDot";
import { NoticesBell } from "./NoticesBell";
import { Rail } from "./Rail";
import { SkipLink } from "./SkipLink";

export function StaffFrame({ children }: { children: ReactNode }) {
  const { role } = useUser();
  return (
    <div className="flex min-h-dvh flex-col [--frame-top:4.3125rem] md:flex-row print:block">
      <SkipLink />
      <Rail role={role === "admin" ? "admin" : "doctor"} />
      <div className="flex min-w-0 grow flex-col pb-20 md:pb-0">
        <header className="sticky top-0 z-10 flex min-h-[4.3125rem] items-center gap-2 border-b border-line bg-surface px-4 py-2.5 sm:px-6 print:hidden">
          <div className="mr-auto flex items-center gap-4">
            {role === "doctor" && <AvailabilitySwitch />}
            <ConnectionDot />
          </div>
          <NoticesBell />
          <AccountMenu />
        </header>
        <main id="content" tabIndex={-1} className="mx-auto w-full max-w-6xl grow px-4 py-6 outline-none sm:px-6 sm:py-8">
          {children}
        </main>
      </div>
    </div>
  );
}
