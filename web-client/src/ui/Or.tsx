import { t } from "../lib/i18n";

/** Between a form and what else one can do. */
export function Or() {
  return (
    <p className="flex items-center gap-3 text-sm text-ink-soft before:h-px before:grow before:bg-line after:h-px after:grow after:bg-line">
      {t.session.or}
    </p>
  );
}
