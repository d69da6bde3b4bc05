import {
  CalendarDays,
  Ellipsis,
  History,
  IdCard,
  LayoutDashboard,
  type LucideIcon,
  ScrollText,
  ShieldAlert,
  Siren,
  Users,
  Video,
} from "lucide-react";
import { Link, NavLink, useNavigate } from "react-router";

import { cx } from "../lib/classes";
import { t } from "../lib/i18n";
import { Menu, MenuItem } from "../ui/Menu";
import { LogoMark } from "./Logo";

interface Place {
  to: string;
  label: string;
  icon: LucideIcon;
}

const PLACES: Record<"doctor" | "admin", readonly Place[]> = {
  doctor: [
    { to: "/", label: t.frame.today, icon: CalendarDays },
    { to: "/patients", label: t.frame.patients, icon: Users },
    { to: "/history", label: t.frame.history, icon: History },
  ],
  admin: [
    { to: "/", label: t.frame.overview, icon: LayoutDashboard },
    { to: "/admin/users", label: t.frame.users, icon: Users },
    { to: "/admin/consultations", label: t.frame.consultations, icon: Video },
    { to: "/admin/verifications", label: t.frame.verification, icon: IdCard },
    { to: "/admin/audit", label: t.frame.audit, icon: ScrollText },
    { to: "/admin/emergency-access", label: t.frame.emergencyAccess, icon: Siren },
    { to: "/admin/security", label: t.frame.security, icon: ShieldAlert },
  ],
};

/** As many as a thumb can tell apart on a phone; the others are behind "More" there. */
const ON_A_PHONE = 3;

const ITEM =
  "flex min-h-14 min-w-0 flex-1 flex-col items-center justify-center gap-1 rounded-control px-1 text-center text-sm/4.5 font-semibold md:flex-none md:py-2";

/** At the left; on a phone it is a bar under the thumb. */
export function Rail({ role }: { role: "doctor" | "admin" }) {
  const places = PLACES[role];
  const crowded = places.length > ON_A_PHONE + 1;
  return (
    <nav
      aria-label={t.frame.mainNavigation}
      className={cx(
        "fixed inset-x-0 bottom-0 z-20 flex border-t border-line bg-surface",
        "md:sticky md:top-0 md:h-dvh md:w-28 md:shrink-0 md:flex-col md:items-stretch md:gap-1 md:border-t-0 md:border-r md:px-2 md:py-3 print:hidden",
      )}
    >
      <Link to="/" aria-label={t.frame.home} className="mx-auto mb-3 hidden rounded-control md:block">
        <LogoMark className="size-11" />
      </Link>
      {places.map(({ to, label, icon: Icon }, index) => (
        <NavLink
          key={to}
          to={to}
          end={to === "/"}
          className={({ isActive }) =>
            cx(
              ITEM,
              crowded && index >= ON_A_PHONE && "hidden md:flex",
              isActive ? "bg-brand-soft text-brand-text" : "text-ink-soft hover:bg-raised hover:text-ink",
            )
          }
        >
          <Icon aria-hidden className="size-5 shrink-0" />
          {label}
        </NavLink>
      ))}
      {crowded && <More places={places.slice(ON_A_PHONE)} />}
    </nav>
  );
}

function More({ places }: { places: readonly Place[] }) {
  const navigate = useNavigate();
  return (
    <Menu
      side="top"
      trigger={
        <button type="button" className={cx(ITEM, "text-ink-soft hover:bg-raised md:hidden")}>
          <Ellipsis aria-hidden className="size-5" />
          {t.frame.more}
        </button>
      }
    >
      {places.map(({ to, label, icon }) => (
        <MenuItem key={to} icon={icon} onSelect={() => void navigate(to)}>
          {label}
        </MenuItem>
      ))}
    </Menu>
  );
}
