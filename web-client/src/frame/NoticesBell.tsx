import { Bell } from "lucide-react";
import { useNavigate } from "react-router";

import type { NoticeView } from "../api/schema";
import { noticePlace, noticeText, useNotices, useSeeNotice } from "../features/access/notices";
import { useUser } from "../features/session/RequireSession";
import { t } from "../lib/i18n";
import { Menu, MenuItem } from "../ui/Menu";
import { Moment } from "../ui/Moment";

/** Shown at once; older ones have been read or do not matter any more. */
const MOST = 10;

/** What somebody should know. Choosing a notice marks it as seen and leads to what it is about. */
export function NoticesBell() {
  const { role } = useUser();
  const notices = useNotices();
  const see = useSeeNotice();
  const navigate = useNavigate();
  const all = notices.data ?? [];
  const fresh = all.filter((notice) => notice.seen_at === null).length;
  const open = (notice: NoticeView) => {
    if (notice.seen_at === null) see.mutate(notice.id);
    const place = noticePlace(notice, role);
    if (place !== null) void navigate(place);
  };
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label={t.access.notices(fresh)}
          className="relative inline-flex size-11 items-center justify-center rounded-full text-ink-soft hover:bg-raised hover:text-ink"
        >
          <Bell aria-hidden className="size-5" />
          {fresh > 0 && (
            <span
              aria-hidden
              className="tabular absolute top-1 right-0.5 min-w-4.5 rounded-full bg-danger-solid px-1 text-center text-sm/4.5 font-semibold text-white"
            >
              {fresh}
            </span>
          )}
        </button>
      }
    >
      {all.length === 0 ? (
        <MenuItem disabled onSelect={() => undefined}>
          {notices.isPending ? t.access.noticesLoading : t.access.noticesEmpty}
        </MenuItem>
      ) : (
        all.slice(0, MOST).map((notice) => (
          <MenuItem key={notice.id} onSelect={() => open(notice)}>
            <span className="flex max-w-72 flex-col">
              <span className={notice.seen_at === null ? "font-semibold" : undefined}>{noticeText(notice)}</span>
              <Moment at={notice.created_at} className="text-sm text-ink-soft first-letter:uppercase" />
            </span>
          </MenuItem>
        ))
      )}
    </Menu>
  );
}
