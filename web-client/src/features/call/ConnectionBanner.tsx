import { WifiOff } from "lucide-react";

import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import type { CallSnapshot } from "../../rtc/call";
import { Spinner } from "../../ui/Spinner";

/** While something is being brought back: what stopped, what still works, and that it goes on by itself. */
export function ConnectionBanner({ snapshot }: { snapshot: CallSnapshot }) {
  const text = useText(snapshot);
  if (text === null) return null;
  const lost = snapshot.state.name !== "connecting";
  return (
    <p
      role="status"
      data-testid="connection-banner"
      className="flex items-center justify-center gap-3 bg-wait-soft px-4 py-2 text-center text-wait"
    >
      {lost ? <WifiOff aria-hidden className="size-5 shrink-0" /> : <Spinner className="shrink-0" />}
      <span className="tabular">{text}</span>
    </p>
  );
}

function useText({ state, signalling }: CallSnapshot): string | null {
  const now = useNow(1_000);
  if (state.name === "connecting") return t.call.connecting;
  if (state.name === "reconnecting") return t.call.mediaLost(Math.max(0, Math.round((now - state.since) / 1_000)));
  if (signalling.up) return null;
  const seconds = signalling.retryAt === null ? 0 : Math.ceil((signalling.retryAt - now) / 1_000);
  return `${t.call.socketLost} ${seconds > 0 ? t.call.socketRetry(seconds) : t.call.socketRetryNow}`;
}
