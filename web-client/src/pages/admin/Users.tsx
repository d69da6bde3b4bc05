import { ChevronRight, SearchX, UserPlus } from "lucide-react";
import { Link } from "react-router";

import type { AdminUserView } from "../../api/schema";
import { UserStatePill } from "../../features/admin/UserPills";
import { useUsers } from "../../features/admin/users";
import { useAddressValues, useNow, usePageTitle, useSettled } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { day } from "../../lib/time";
import { Avatar } from "../../ui/Avatar";
import { ButtonLink } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { Select } from "../../ui/Field";
import { Loaded } from "../../ui/Loaded";
import { MoreButton } from "../../ui/MoreButton";
import { PageHead } from "../../ui/PageHead";
import { SearchField } from "../../ui/SearchField";
import { SkeletonList } from "../../ui/Skeleton";

const ROLES = ["patient", "doctor", "admin"] as const;
const STATES = ["active", "pending", "unverified", "deactivated"] as const;

/** Every account; what is searched for stands in the address, so that it can be kept and shared. */
export function Users() {
  usePageTitle(t.admin.usersTitle);
  const { values, set } = useAddressValues();
  const q = values.get("q") ?? "";
  const filter = { q: useSettled(q.trim()), role: values.get("role") ?? "", state: values.get("state") ?? "" };
  const users = useUsers(filter);
  return (
    <div className="flex flex-col gap-6">
      <PageHead
        title={t.admin.usersTitle}
        action={
          <ButtonLink to="/admin/users/new" icon={UserPlus}>
            {t.admin.new}
          </ButtonLink>
        }
      />
      <div className="grid gap-3 sm:grid-cols-[1fr_12rem_14rem]">
        <SearchField label={t.admin.usersSearch} value={q} onChange={(event) => set("q", event.currentTarget.value)} />
        <Select
          label={t.admin.usersRole}
          labelHidden
          value={filter.role}
          onChange={(event) => set("role", event.currentTarget.value)}
        >
          <option value="">{t.admin.anyRole}</option>
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {t.admin.roles[role]}
            </option>
          ))}
        </Select>
        <Select
          label={t.admin.usersState}
          labelHidden
          value={filter.state}
          onChange={(event) => set("state", event.currentTarget.value)}
        >
          <option value="">{t.admin.anyState}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {t.admin.states[state]}
            </option>
          ))}
        </Select>
      </div>
      <Loaded query={users} loading={<SkeletonList label={t.admin.usersLoading} />}>
        {({ pages }) => <List users={pages.flatMap((page) => page.items)} />}
      </Loaded>
      <MoreButton query={users} />
    </div>
  );
}

function List({ users }: { users: AdminUserView[] }) {
  if (users.length === 0) {
    return (
      <EmptyState icon={SearchX} title={t.admin.usersEmptyTitle}>
        {t.admin.usersEmptyText}
      </EmptyState>
    );
  }
  return (
    <ul className="flex flex-col gap-2">
      {users.map((user) => (
        <Row key={user.id} user={user} />
      ))}
    </ul>
  );
}

function Row({ user }: { user: AdminUserView }) {
  const now = useNow(60_000);
  const seen = user.last_seen_at === null ? t.admin.neverSeen : t.admin.lastSeen(day(user.last_seen_at, now));
  return (
    <li>
      <Link
        to={`/admin/users/${user.id}`}
        className="flex min-h-18 items-center gap-4 rounded-card border border-line bg-surface px-4 py-3 shadow-soft transition-colors duration-150 hover:border-brand"
      >
        <Avatar name={user.name} className="self-start sm:self-center" />
        <span className="flex min-w-0 grow flex-col gap-x-4 gap-y-2 sm:flex-row sm:items-center">
          <span className="flex min-w-0 grow flex-col">
            <span className="truncate font-semibold">{user.name}</span>
            <span className="truncate text-sm text-ink-soft">{user.email}</span>
          </span>
          <span className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-1 text-sm text-ink-soft">
            <span>
              {t.admin.roles[user.role]}
              {user.specialty !== "" && `, ${user.specialty}`}
            </span>
            <span className="hidden lg:inline">{seen}</span>
            <UserStatePill state={user.state} />
          </span>
        </span>
        <ChevronRight aria-hidden className="size-5 shrink-0 text-ink-soft" />
      </Link>
    </li>
  );
}
