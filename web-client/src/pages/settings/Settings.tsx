import { NavLink, Outlet } from "react-router";

import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";

const SECTIONS = (["profile", "security", "privacy"] as const).map((name) => ({ name, label: t.settings.sections[name] }));

/** Around the pages of a person's own account. */
export function Settings() {
  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-6">
      <h1 className="text-2xl font-semibold">{t.settings.title}</h1>
      <nav aria-label={t.settings.navigation} className="flex gap-1 border-b border-line">
        {SECTIONS.map(({ name, label }) => (
          <NavLink
            key={name}
            to={`/settings/${name}`}
            className={({ isActive }) =>
              cx(
                "-mb-px inline-flex min-h-11 items-center border-b-3 px-3 font-semibold",
                isActive ? "border-brand text-brand-text" : "border-transparent text-ink-soft hover:text-ink",
              )
            }
          >
            {label}
          </NavLink>
        ))}
      </nav>
      <Outlet />
    </div>
  );
}
