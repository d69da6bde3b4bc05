import { t } from "../lib/i18n";

/** The first stop of the Tab key. `#content` is the page's main element. */
export function SkipLink() {
  return (
    <a
      href="#content"
      className="sr-only rounded-control bg-brand px-4 py-2 font-semibold text-brand-ink focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-50"
    >
      {t.frame.skip}
    </a>
  );
}
