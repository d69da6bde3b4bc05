/** Whether the server tells this page of changes. Whoever shows what changes by other people's hands asks seldom while it
 *  does, and more often while it does not. */
import { useSyncExternalStore } from "react";

/** Another server of the same clinic may know of a change that ours does not tell. */
const TOLD_POLL_MS = 30_000;
const UNTOLD_POLL_MS = 5_000;

let following = false;
const listeners = new Set<() => void>();

export function setFollowing(now: boolean) {
  following = now;
  for (const listener of listeners) listener();
}

/** How often to ask for what may change at any moment, in milliseconds. */
export function usePollInterval(): number {
  const isTold = useSyncExternalStore(subscribe, () => following);
  return isTold ? TOLD_POLL_MS : UNTOLD_POLL_MS;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
