import { Clock, WifiOff } from "lucide-react";

import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import type { CallSnapshot } from "../../rtc/call";
import { Spinner } from "../../ui/Spinner";

/** While something is being brought back, or soon will be: what stops, what still works, and that it goes on by itself. */
export function ConnectionBanner({ snapshot }: { snapshot: CallSnapshot }) {
  const text = useText(snapshot);
  if (text === null) return null;
  const { state, signalling } = snapshot;
  const lost = state.name === "reconnecting" || (state.name !== "connecting" && !signalling.up);
  return (
    <p
      role="status"
      data-testid="connection-banner"
      className="flex items-center justify-center gap-3 bg-wait-soft px-4 py-2 text-center text-wait"
    >
      <Sign state={state.name} lost={lost} />
      <span className="tabular">{text}</span>
    </p>
  );
}

function Sign({ state, lost }: { state: string; lost: boolean }) {
  if (state === "connecting") return <Spinner className="shrink-0" />;
  const Icon = lost ? WifiOff : Clock;
  return <Icon aria-hidden className="size-5 shrink-0" />;
}

function useText({ state, signalling, stopsAt }: CallSnapshot): string | null {
  const now = useNow(1_000);
  if (state.name === "connecting") return t.call.connecting;
  if (state.name === "reconnecting") return t.call.mediaLost(Math.max(0, Math.round((now - state.since) / 1_000)));
  if (signalling.up) return stopsAt === null ? null : t.call.serverStops(Math.max(0, Math.ceil((stopsAt - now) / 60_000)));
  const seconds = signalling.retryAt === null ? 0 : Math.ceil((signalling.retryAt - now) / 1_000);
  return `${t.call.socketLost} ${seconds > 0 ? t.call.socketRetry(seconds) : t.call.socketRetryNow}`;
}
