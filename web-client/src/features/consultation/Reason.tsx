import { useState } from "react";

import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";

/** Longer ones are shown in part at first, so that one of them does not push the others off the screen. */
const LONG_CHARACTERS = 220;
const LONG_LINES = 3;

/** What the patient wrote. All of it can be read before anything is decided. */
export function Reason({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  const long = text.length > LONG_CHARACTERS || text.split("\n").length > LONG_LINES;
  return (
    <div className="text-ink-soft">
      <p className={cx("break-words whitespace-pre-line", long && !all && "line-clamp-3")}>{text}</p>
      {long && (
        <button
          type="button"
          aria-expanded={all}
          onClick={() => setAll(!all)}
          className="-ml-2 min-h-11 rounded-control px-2 font-semibold text-brand-text hover:bg-raised"
        >
          {all ? t.consultation.reasonLess : t.consultation.reasonMore}
        </button>
      )}
    </div>
  );
}
