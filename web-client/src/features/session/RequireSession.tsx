import { createContext, use } from "react";
import { Navigate, Outlet, useLocation } from "react-router";

import type { UserView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { ErrorState } from "../../ui/ErrorState";
import { Spinner } from "../../ui/Spinner";
import { useSession } from "./session";

const User = createContext<UserView | null>(null);

/** Who is signed in. Only below `RequireSession`. */
export function useUser(): UserView {
  const user = use(User);
  if (user === null) throw new Error("useUser is used outside RequireSession");
  return user;
}

/** Shows what is inside to people who are signed in; sends the others to sign in and back. */
export function RequireSession() {
  const session = useSession();
  const { pathname } = useLocation();
  if (session.data) {
    return (
      <User value={session.data}>
        <Outlet />
      </User>
    );
  }
  if (session.data === null) {
    const to = pathname === "/" ? "/signin" : `/signin?next=${encodeURIComponent(pathname)}`;
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
