import { ChevronRight, IdCard, Siren, type LucideIcon, ShieldAlert } from "lucide-react";
import { Link } from "react-router";

import type { AdminDashboardView } from "../../api/schema";
import { useDashboard } from "../../features/admin/users";
import { usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { Card } from "../../ui/Card";
import { Loaded } from "../../ui/Loaded";
import { PageHead } from "../../ui/PageHead";
import { SkeletonList } from "../../ui/Skeleton";

/** The administrator's start page: what waits, and how many people there are. */
export function Overview() {
  usePageTitle(t.admin.overviewTitle);
  const dashboard = useDashboard();
  return (
    <div className="flex flex-col gap-6">
      <PageHead title={t.admin.overviewTitle} />
      <Loaded query={dashboard} loading={<SkeletonList label={t.admin.overviewLoading} />}>
        {(loaded) => <Content dashboard={loaded} />}
      </Loaded>
    </div>
  );
}

interface ToDo {
  count: number;
  words: (count: number) => string;
  to: string;
  icon: LucideIcon;
}

function Content({ dashboard }: { dashboard: AdminDashboardView }) {
  const { users, sessions } = dashboard;
  const waiting: ToDo[] = [
    { count: dashboard.pending_verifications, words: t.admin.verificationsWaiting, to: "/admin/verifications", icon: IdCard },
    { count: dashboard.open_break_glass, words: t.admin.reviewsWaiting, to: "/admin/emergency-access", icon: Siren },
    { count: dashboard.security_events, words: t.admin.eventsWaiting, to: "/admin/security", icon: ShieldAlert },
  ].filter(({ count }) => count > 0);
  const people: [string, number, string?][] = [
    [t.admin.patients, users.patient, "/admin/users?role=patient"],
    [t.admin.doctors, users.doctor, "/admin/users?role=doctor"],
    [t.admin.administrators, users.admin, "/admin/users?role=admin"],
    [t.admin.deactivated, users.deactivated, "/admin/users?state=deactivated"],
    [t.admin.sessions, sessions],
  ];
  return (
    <div className="flex flex-col gap-8">
      <section aria-labelledby="todo" className="flex flex-col gap-3">
        <h2 id="todo" className="text-xl font-semibold">
          {t.admin.toDo}
        </h2>
        {waiting.length === 0 ? (
          <Card className="text-ink-soft">{t.admin.nothingToDo}</Card>
        ) : (
          <ul className="grid gap-3 lg:grid-cols-3">
            {waiting.map(({ count, words, to, icon: Icon }) => (
              <li key={to}>
                <Link
                  to={to}
                  className="flex min-h-18 items-center gap-4 rounded-card border border-line bg-surface p-4 shadow-soft hover:border-brand"
                >
                  <span className="inline-flex size-11 shrink-0 items-center justify-center rounded-full bg-wait-soft text-wait">
                    <Icon aria-hidden className="size-5" />
                  </span>
                  <span className="grow">
                    <span className="tabular text-xl font-semibold">{count}</span> {words(count)}
                  </span>
                  <ChevronRight aria-hidden className="size-5 shrink-0 text-ink-soft" />
                </Link>
              </li>
            ))}
          </ul>
        )}
      </section>
      <section aria-labelledby="people" className="flex flex-col gap-3">
        <h2 id="people" className="text-xl font-semibold">
          {t.admin.people}
        </h2>
        <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-5">
          {people.map(([label, count, to]) => (
            <div key={label} className="flex flex-col-reverse rounded-card border border-line bg-surface p-4 shadow-soft">
              <dt className="text-ink-soft">
                {to === undefined ? (
                  label
                ) : (
                  <Link to={to} className="underline underline-offset-4 hover:text-ink">
                    {label}
                  </Link>
                )}
              </dt>
              <dd className="tabular text-2xl font-semibold">{count}</dd>
            </div>
          ))}
        </dl>
      </section>
    </div>
  );
}
