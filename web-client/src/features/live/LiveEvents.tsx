import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { forgetSession, refreshSession } from "../session/session";
import { setFollowing } from "./connection";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** Once below `RequireSession`: the server says when something has changed, and what is shown is asked for again. The
 *  pages also ask by themselves, seldom while it does, so nothing depends on this connection but speed. */
export function LiveEvents() {
  const client = useQueryClient();
  useEffect(() => follow(client), [client]);
  return null;
}

/** Returns how to stop. */
function follow(client: QueryClient): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = FIRST_WAIT_MS;
  let isFirst = true;
  const renew = (...keys: string[]) => {
    for (const key of keys) void client.invalidateQueries({ queryKey: [key] });
  };
  const open = () => {
    source = new EventSource("/api/v1/events");
    source.addEventListener("open", () => {
      // What happened while nobody listened.
      if (!isFirst) renew("consultations", "doctors", "notices");
      isFirst = false;
      wait = FIRST_WAIT_MS;
      setFollowing(true);
    });
    source.addEventListener("consultations", () => renew("consultations", "dashboard", "patients"));
    source.addEventListener("availability", () => renew("doctors", "session"));
    source.addEventListener("notice", () => renew("notices", "dashboard", "admin", "application", "session"));
    source.addEventListener("signed_out", () => {
      source?.close();
      forgetSession(client);
    });
    source.addEventListener("error", () => {
      isFirst = false;
      setFollowing(false);
      // Shows whether the server is there at all.
      renew("notices");
      // A broken connection is opened again by the browser; a refusal is final, and may mean that the session is over.
      if (source?.readyState !== EventSource.CLOSED) return;
      void refreshSession(client);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
    setFollowing(false);
  };
}
