import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import { Wifi, WifiOff } from "lucide-react";

import { codeOf } from "../lib/errors";
import { t } from "../lib/i18n";
import { Tooltip } from "../ui/Tooltip";

/** Whether the last answers came; something is asked as soon as the server tells nothing any more. */
export function ConnectionDot() {
  const lost = useConnectionLost();
  const Icon = lost ? WifiOff : Wifi;
  return (
    <Tooltip text={lost ? t.frame.connection.offlineHint : t.frame.connection.online} side="bottom">
      <span
        role="status"
        className={`inline-flex items-center gap-1.5 text-sm font-semibold ${lost ? "text-danger" : "text-ink-soft"}`}
      >
        <Icon aria-hidden className={`size-4 ${lost ? "" : "text-ok"}`} />
        <span className="sr-only lg:not-sr-only">{lost ? t.frame.connection.offline : t.frame.connection.online}</span>
      </span>
    </Tooltip>
  );
}

function useConnectionLost(): boolean {
  // Re-renders whenever a request starts or ends.
  useIsFetching();
  const queries = useQueryClient().getQueryCache().getAll();
  return queries.some(({ state }) => {
    const error = state.error ?? state.fetchFailureReason;
    return error !== null && codeOf(error) === "server_unreachable";
  });
}
