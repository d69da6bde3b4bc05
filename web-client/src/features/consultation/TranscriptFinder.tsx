import { ChevronDown, ChevronUp, Search } from "lucide-react";
import { type RefObject, useState } from "react";

import { t } from "../../lib/i18n";
import { TextField } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";

interface TranscriptFinderProps {
  query: string;
  onQuery: (query: string) => void;
  count: number;
  /** Holds the marked matches. */
  body: RefObject<HTMLElement | null>;
}

/** Search within the transcript: matches are marked while typing; Enter and the arrows go from one to the next. */
export function TranscriptFinder({ query, onQuery, count, body }: TranscriptFinderProps) {
  // Zero-based place of the match that was jumped to; -1 before the first jump.
  const [current, setCurrent] = useState(-1);
  const jump = (step: 1 | -1) => {
    const marks = [...(body.current?.querySelectorAll("mark") ?? [])];
    if (marks.length === 0) return;
    const next = current === -1 && step === -1 ? marks.length - 1 : (current + step + marks.length) % marks.length;
    for (const mark of marks) mark.removeAttribute("aria-current");
    marks[next]?.setAttribute("aria-current", "true");
    marks[next]?.scrollIntoView({ block: "center", behavior: "smooth" });
    setCurrent(next);
  };
  const searching = query.trim() !== "";
  return (
    <search className="sticky top-(--frame-top,0px) z-5 -mx-1 flex flex-wrap items-center gap-1 bg-surface px-1 py-2 print:hidden">
      <div className="relative min-w-56 flex-1">
        <Search aria-hidden className="pointer-events-none absolute top-1/2 left-3.5 z-1 size-5 -translate-y-1/2 text-ink-soft" />
        <TextField
          type="search"
          label={t.consultation.find}
          labelHidden
          placeholder={t.consultation.find}
          autoComplete="off"
          value={query}
          onChange={(event) => {
            onQuery(event.currentTarget.value);
            setCurrent(-1);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") jump(event.shiftKey ? -1 : 1);
          }}
          className="pl-11"
        />
      </div>
      <p role="status" className="tabular min-w-20 grow text-sm text-ink-soft empty:hidden sm:grow-0 sm:text-center">
        {searching && (current >= 0 ? t.consultation.foundAt(current + 1, count) : t.consultation.found(count))}
      </p>
      {searching && (
        <>
          <IconButton icon={ChevronUp} label={t.consultation.findPrevious} disabled={count === 0} onClick={() => jump(-1)} />
          <IconButton icon={ChevronDown} label={t.consultation.findNext} disabled={count === 0} onClick={() => jump(1)} />
        </>
      )}
    </search>
  );
}
