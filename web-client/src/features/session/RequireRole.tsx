import { Outlet } from "react-router";

import type { Role } from "../../api/schema";
import { t } from "../../lib/i18n";
import { ErrorState } from "../../ui/ErrorState";
import { useUser } from "./RequireSession";

/** Pages of one role. The server refuses the others in any case; this says so at once. */
export function RequireRole({ only }: { only: Role }) {
  if (useUser().role === only) return <Outlet />;
  return (
    <>
      <h1 className="sr-only">{t.errors.forbidden.title}</h1>
      <ErrorState code="forbidden" />
    </>
  );
}
