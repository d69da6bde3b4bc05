import { BookLock } from "lucide-react";

import type { AccessPageView, AccessView } from "../../api/schema";
import { deed, purposeWords } from "../../lib/audit";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { usePages } from "../../lib/pages";
import { clockTime, day } from "../../lib/time";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { MoreButton } from "../../ui/MoreButton";
import { Section } from "../../ui/Section";
import { SkeletonList } from "../../ui/Skeleton";
import { useUser } from "../session/RequireSession";

/** Who looked at this patient's data, as plain sentences. */
export function AccessLog() {
  const log = usePages<AccessPageView>(["access-log"], "/account/access-log");
  return (
    <Section title={t.settings.accessTitle} text={t.settings.accessText}>
      <Loaded query={log} loading={<SkeletonList label={t.settings.accessLoading} />}>
        {({ pages }) => <Days entries={pages.flatMap((page) => page.items)} />}
      </Loaded>
      <MoreButton query={log} />
    </Section>
  );
}

function Days({ entries }: { entries: AccessView[] }) {
  const now = useNow(60_000);
  if (entries.length === 0) {
    return (
      <EmptyState icon={BookLock} title={t.settings.accessEmptyTitle}>
        {t.settings.accessEmptyText}
      </EmptyState>
    );
  }
  const days = new Map<string, Deed[]>();
  for (const entry of entries) {
    const name = day(entry.at, now);
    const lines = days.get(name) ?? [];
    const last = lines.at(-1);
    if (last && isSame(last.entry, entry)) last.times += 1;
    else days.set(name, [...lines, { entry, times: 1 }]);
  }
  return (
    <div className="flex flex-col gap-6">
      {[...days].map(([name, lines]) => (
        <div key={name} className="flex flex-col gap-2">
          <h3 className="text-sm font-semibold text-ink-soft first-letter:uppercase">{name}</h3>
          <ul className="flex flex-col gap-2" data-testid="access-log">
            {lines.map((line, index) => (
              <Line key={`${line.entry.at} ${index}`} line={line} />
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}

/** One line: the same again and again, such as a page that looks for news by itself, stands there once. */
interface Deed {
  /** The newest. */
  entry: AccessView;
  times: number;
}

function isSame(a: AccessView, b: AccessView): boolean {
  const what = ({ actor, role, action, purpose, outcome }: AccessView) => [actor?.id, role, action, purpose, outcome].join();
  return what(a) === what(b);
}

function Line({ line: { entry, times } }: { line: Deed }) {
  const { at, actor, role, action, purpose, outcome } = entry;
  const { id } = useUser();
  const who = actor === null ? (role === "" ? t.audit.server : t.audit.somebody) : actor.id === id ? t.audit.you : actor.name;
  return (
    <li className="flex gap-4">
      <time dateTime={new Date(at).toISOString()} className="w-18 shrink-0 whitespace-nowrap text-ink-soft">
        {clockTime(at)}
      </time>
      <p>
        <span className="font-semibold">{who}</span> {deed(action, outcome)}, {purposeWords(purpose)}
        {times > 1 && `, ${t.audit.times(times)}`}.
      </p>
    </li>
  );
}
