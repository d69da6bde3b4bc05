import { ShieldCheck, ShieldOff } from "lucide-react";
import { useParams } from "react-router";

import type { AdminUserView } from "../../api/schema";
import { BreakGlassButton } from "../../features/access/BreakGlassDialog";
import { UserActions } from "../../features/admin/UserActions";
import { UserDetails } from "../../features/admin/UserDetails";
import { UserStatePill } from "../../features/admin/UserPills";
import { useAdminUser } from "../../features/admin/users";
import { useUser } from "../../features/session/RequireSession";
import { useNow, usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { day } from "../../lib/time";
import { Banner } from "../../ui/Banner";
import { Loaded } from "../../ui/Loaded";
import { PageHead } from "../../ui/PageHead";
import { Section } from "../../ui/Section";
import { SkeletonList } from "../../ui/Skeleton";
import { StatusPill } from "../../ui/StatusPill";

export function User() {
  const { id = "" } = useParams();
  const user = useAdminUser(id);
  const title = user.data?.name ?? t.admin.usersTitle;
  usePageTitle(title);
  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-6">
      <PageHead title={title} back={{ to: "/admin/users", label: t.admin.usersBack }} />
      <Loaded query={user} loading={<SkeletonList rows={2} label={t.admin.userLoading} />}>
        {(loaded) => <Account user={loaded} />}
      </Loaded>
    </div>
  );
}

function Account({ user }: { user: AdminUserView }) {
  const { id: own } = useUser();
  const now = useNow(60_000);
  const gone = user.state === "erased";
  return (
    <div className="flex flex-col gap-6">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-ink-soft">
        <UserStatePill state={user.state} />
        <StatusPill tone={user.second_factor ? "ok" : "neutral"} icon={user.second_factor ? ShieldCheck : ShieldOff}>
          {user.second_factor ? t.admin.secondFactorOn : t.admin.secondFactorOff}
        </StatusPill>
        <span className="break-all">{user.email}</span>
        <span>{t.admin.createdOn(day(user.created_at, now))}</span>
        <span>{user.last_seen_at === null ? t.admin.neverSeen : t.admin.lastSeen(day(user.last_seen_at, now))}</span>
      </div>
      {user.id === own ? (
        <Banner tone="neutral">{t.admin.ownAccount}</Banner>
      ) : (
        !gone && (
          <>
            <UserDetails user={user} />
            <UserActions user={user} />
            {user.role === "patient" && (
              <Section title={t.access.emergencyTitle} text={t.access.emergencyText}>
                <BreakGlassButton patient={user} />
              </Section>
            )}
          </>
        )
      )}
    </div>
  );
}
