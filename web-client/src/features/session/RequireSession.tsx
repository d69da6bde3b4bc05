import { createContext, type ReactNode, use, useState } from "react";
import { Navigate, Outlet, useLocation } from "react-router";

import type { Must, SessionView, UserView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { ErrorState } from "../../ui/ErrorState";
import { Spinner } from "../../ui/Spinner";
import { hasLeft, useSession } from "./session";

const Current = createContext<SessionView | null>(null);

function useCurrent(): SessionView {
  const session = use(Current);
  if (session === null) throw new Error("useUser is used outside RequireSession");
  return session;
}

/** Who is signed in. Only below `RequireSession`. */
export function useUser(): UserView {
  return useCurrent().user;
}

/** What the person still has to do before they can work here. Only below `RequireSession`. */
export function useDuties(): readonly Must[] {
  return useCurrent().must;
}

/** Shows what is inside to people who are signed in; the others see `visitor` at the start page and are sent to sign in
 *  and back from everywhere else, or when their session ended without them. */
export function RequireSession({ visitor }: { visitor?: ReactNode }) {
  const session = useSession();
  const { pathname } = useLocation();
  const [wasIn, setWasIn] = useState(false);
  if (session.data && !wasIn) setWasIn(true);
  if (session.data) {
    return (
      <Current value={session.data}>
        <Outlet />
      </Current>
    );
  }
  if (session.data === null) {
    const isVisitor = hasLeft() || !wasIn;
    if (pathname === "/" && isVisitor && visitor !== undefined) return visitor;
    const hasNext = !hasLeft() && (wasIn || pathname !== "/");
    const to = hasNext ? `/signin?next=${encodeURIComponent(pathname)}` : "/signin";
    return <Navigate to={to} replace />;
  }
  return (
    <main className="mx-auto flex min-h-dvh max-w-xl flex-col justify-center p-4">
      {session.isError ? (
        <ErrorState code={codeOf(session.error)} onRetry={() => void session.refetch()} busy={session.isFetching} />
      ) : (
        <p role="status" className="animate-appear-late flex items-center justify-center gap-3 text-ink-soft">
          <Spinner />
          {t.ui.loading}
        </p>
      )}
    </main>
  );
}
