import { Bell, Check, OctagonAlert, ShieldCheck, TriangleAlert, type LucideIcon } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import type { SecurityEventView, Severity } from "../../api/schema";
import { useAcknowledge, useSecurityEvents } from "../../features/admin/reviews";
import { codeOf } from "../../lib/errors";
import { useNow, usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { clockTime, day } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { PageHead } from "../../ui/PageHead";
import { SkeletonList } from "../../ui/Skeleton";
import { StatusPill, type Tone } from "../../ui/StatusPill";
import { Tabs } from "../../ui/Tabs";
import { useToast } from "../../ui/Toast";

const SHOWN = [
  { value: "open", label: t.admin.securityOpen },
  { value: "all", label: t.admin.securityAll },
] as const;

/** What the server noticed by itself, newest first. */
export function SecurityEvents() {
  usePageTitle(t.admin.securityTitle);
  const [shown, setShown] = useState<"open" | "all">("open");
  const events = useSecurityEvents(shown);
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6">
      <PageHead title={t.admin.securityTitle} text={t.admin.securityText} />
      <Tabs label={t.admin.securityShow} value={shown} onChange={setShown} options={SHOWN} />
      <Loaded query={events} loading={<SkeletonList label={t.admin.securityLoading} />}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={ShieldCheck} title={t.admin.securityEmptyTitle}>
              {t.admin.securityEmptyText}
            </EmptyState>
          ) : (
            <ul className="flex flex-col gap-3">
              {all.map((event) => (
                <Event key={event.id} event={event} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </div>
  );
}

const LOOK: Record<Severity, { tone: Tone; icon: LucideIcon }> = {
  notice: { tone: "neutral", icon: Bell },
  warning: { tone: "wait", icon: TriangleAlert },
  alarm: { tone: "danger", icon: OctagonAlert },
};

function Event({ event }: { event: SecurityEventView }) {
  const now = useNow(60_000);
  const acknowledge = useAcknowledge();
  const toast = useToast();
  const { tone, icon } = LOOK[event.severity];
  const kinds: Record<string, string> = t.admin.eventKinds;
  const kind = Object.hasOwn(kinds, event.kind) ? (kinds[event.kind] ?? event.kind) : event.kind;
  const when = (at: number) => `${day(at, now)}, ${clockTime(at)}`;
  // Awaited rather than given as callbacks: success takes this row off the page before they would run.
  const seen = async () => {
    try {
      await acknowledge.mutateAsync(event.id);
      toast({ tone: "ok", text: t.admin.acknowledgedToast });
    } catch (error) {
      toast({ tone: "danger", text: t.errors[codeOf(error)].title });
    }
  };
  return (
    <li>
      <Card className="flex flex-wrap items-center justify-between gap-4">
        <div className="flex min-w-0 flex-col gap-1">
          <div className="flex flex-wrap items-center gap-3">
            <StatusPill tone={tone} icon={icon}>
              {t.admin.severities[event.severity]}
            </StatusPill>
            <p className="font-semibold">
              {kind}, {t.admin.eventTimes(event.count)}
            </p>
          </div>
          <p className="text-sm text-ink-soft">{t.admin.eventSpan(when(event.first_at), when(event.last_at))}</p>
          <Subject subject={event.subject} />
        </div>
        {event.acknowledged_at === null ? (
          <Button
            variant="secondary"
            icon={Check}
            busy={acknowledge.isPending}
            aria-label={t.admin.acknowledgeLabel(kind)}
            onClick={() => void seen()}
          >
            {t.admin.acknowledge}
          </Button>
        ) : (
          <p className="text-sm text-ink-soft">{t.admin.acknowledged(when(event.acknowledged_at))}</p>
        )}
      </Card>
    </li>
  );
}

/** Whom or what it is about; a person leads to what they did. */
function Subject({ subject }: { subject: string }) {
  if (subject === "") return null;
  return (
    <p className="flex flex-wrap items-center gap-x-3 text-sm text-ink-soft">
      <span className="break-all">
        {t.admin.eventSubject} <code className="font-mono">{subject}</code>
      </span>
      {subject.startsWith("usr_") && (
        <Link to={`/admin/audit?actor=${subject}`} className="font-semibold text-brand-text underline underline-offset-4">
          {t.admin.showInTrail}
        </Link>
      )}
    </p>
  );
}
