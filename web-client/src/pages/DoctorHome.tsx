import { CalendarCheck, CircleOff, Users } from "lucide-react";

import type { ConsultationView } from "../api/schema";
import { CaptionServiceNote } from "../features/consultation/CaptionServiceNote";
import { ConsultationRow } from "../features/consultation/ConsultationRow";
import { OwnConsultation } from "../features/consultation/OwnConsultation";
import { QueueItem } from "../features/consultation/QueueItem";
import { useConsultations } from "../features/consultation/queries";
import { useDuties, useUser } from "../features/session/RequireSession";
import { useSetAvailability } from "../features/session/session";
import { useNow, usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { isSameDay, longDay } from "../lib/time";
import { Banner } from "../ui/Banner";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { Loaded } from "../ui/Loaded";
import { SkeletonList } from "../ui/Skeleton";
import { Badge } from "../ui/StatusPill";
import { useToast } from "../ui/Toast";

/** Who may not work yet asks for no queue: `Duties` says above what is missing, and each refusal is entered in the log. */
export function DoctorHome() {
  const duties = useDuties();
  return duties.length > 0 ? <NotYet /> : <Today />;
}

function NotYet() {
  usePageTitle(t.consultation.todayTitle);
  return (
    <div className="flex flex-col gap-6">
      <h1 className="text-2xl font-semibold">{t.consultation.todayTitle}</h1>
      <EmptyState icon={Users} title={t.consultation.notYetTitle}>
        {t.consultation.notYetText}
      </EmptyState>
    </div>
  );
}

function Today() {
  const user = useUser();
  const now = useNow(60_000);
  const consultations = useConsultations(true);
  const waiting = consultations.data?.filter((each) => each.state === "requested").length ?? 0;
  usePageTitle(waiting > 0 ? `(${waiting}) ${t.consultation.todayTitle}` : t.consultation.todayTitle);
  return (
    <div className="flex flex-col gap-6">
      <div>
        <h1 className="text-2xl font-semibold">{t.consultation.todayTitle}</h1>
        <p className="text-ink-soft">{longDay(now)}</p>
      </div>
      {user.availability === "offline" && <OfflineNote />}
      <CaptionServiceNote />
      <Loaded query={consultations} loading={<SkeletonList label={t.consultation.queueLoading} />}>
        {(all) => <Day consultations={all} userId={user.id} now={now} />}
      </Loaded>
    </div>
  );
}

function OfflineNote() {
  const set = useSetAvailability();
  const toast = useToast();
  const goOnline = () =>
    set.mutate("online", { onError: () => toast({ tone: "danger", text: t.frame.availability.failed }) });
  return (
    <Banner
      tone="neutral"
      icon={CircleOff}
      action={
        <Button variant="secondary" busy={set.isPending} onClick={goOnline}>
          {t.consultation.goOnline}
        </Button>
      }
    >
      {t.consultation.offlineNote}
    </Banner>
  );
}

interface DayProps {
  consultations: ConsultationView[];
  userId: string;
  now: number;
}

function Day({ consultations, userId, now }: DayProps) {
  const queue = consultations.filter((each) => each.state === "requested").toSorted(byRequest);
  const own = consultations.filter((each) => each.doctor?.id === userId);
  const open = own.filter((each) => each.state === "active" || each.state === "accepted").toSorted(activeFirst);
  const done = own.filter((each) => each.state === "completed" && isSameDay(each.ended_at ?? now, now));
  return (
    <div className="grid grid-cols-1 items-start gap-8 xl:grid-cols-[minmax(0,7fr)_minmax(0,5fr)]">
      <section aria-labelledby="own" className="flex flex-col gap-4 xl:order-2">
        <h2 id="own" className="text-xl font-semibold">
          {t.consultation.mine}
        </h2>
        {open.length === 0 ? (
          <EmptyState icon={CalendarCheck} title={t.consultation.mineEmptyTitle}>
            {t.consultation.mineEmptyText}
          </EmptyState>
        ) : (
          open.map((each) => <OwnConsultation key={each.id} consultation={each} />)
        )}
        {done.length > 0 && (
          <>
            <h3 className="mt-4 font-semibold text-ink-soft">{t.consultation.completedToday}</h3>
            <ul className="flex flex-col gap-3">
              {done.map((each) => (
                <ConsultationRow key={each.id} consultation={each} side="doctor" />
              ))}
            </ul>
          </>
        )}
      </section>
      <section aria-labelledby="queue" className="flex flex-col gap-4">
        <div className="flex items-center gap-3">
          <h2 id="queue" className="text-xl font-semibold">
            {t.consultation.queue}
          </h2>
          {queue.length > 0 && <Badge tone="wait">{queue.length}</Badge>}
          <p aria-live="polite" className="sr-only">
            {queue.length > 0 && t.consultation.queueNew(queue.length)}
          </p>
        </div>
        {queue.length === 0 ? (
          <EmptyState icon={Users} title={t.consultation.queueEmptyTitle}>
            {t.consultation.queueEmptyText}
          </EmptyState>
        ) : (
          <ul className="flex flex-col gap-3">
            {queue.map((each) => (
              <QueueItem key={each.id} consultation={each} />
            ))}
          </ul>
        )}
      </section>
    </div>
  );
}

function byRequest(a: ConsultationView, b: ConsultationView): number {
  return a.requested_at - b.requested_at;
}

function activeFirst(a: ConsultationView, b: ConsultationView): number {
  if (a.state !== b.state) return a.state === "active" ? -1 : 1;
  return byRequest(a, b);
}
