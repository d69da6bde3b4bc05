import { EarOff, MessageSquareOff } from "lucide-react";
import { useMemo, useRef, useState } from "react";

import type { TranscriptEntryView, TranscriptView } from "../../api/schema";
import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";
import { position } from "../../lib/time";
import { Banner } from "../../ui/Banner";
import { EmptyState } from "../../ui/EmptyState";
import { TranscriptFinder } from "./TranscriptFinder";
import { countMatches, highlight, type Turn, turnsOf } from "./turns";

/** What was said, by whom and when; marked as made by a machine. */
export function Transcript({ transcript }: { transcript: TranscriptView }) {
  const { entries } = transcript;
  const [query, setQuery] = useState("");
  const turns = useMemo(() => turnsOf(entries), [entries]);
  const body = useRef<HTMLOListElement>(null);
  if (entries.length === 0) {
    return (
      <EmptyState icon={MessageSquareOff} title={t.consultation.transcriptEmptyTitle}>
        {t.consultation.transcriptEmptyText}
      </EmptyState>
    );
  }
  return (
    <div className="flex flex-col gap-5">
      <MachineNote transcript={transcript} />
      <TranscriptFinder query={query} onQuery={setQuery} count={countMatches(entries, query)} body={body} />
      <ol ref={body} className="flex flex-col gap-6">
        {turns.map((turn) => (
          <TurnView key={`${turn.speaker} ${turn.startMs}`} turn={turn} query={query} />
        ))}
      </ol>
    </div>
  );
}

function MachineNote({ transcript: { model, demonstration } }: { transcript: TranscriptView }) {
  return (
    <Banner tone="machine" title={t.consultation.machineMade}>
      <p>{t.consultation.machineNote}</p>
      {demonstration && (
        <p className="font-semibold">
          {t.consultation.demonstration}. {t.consultation.demonstrationNote}
        </p>
      )}
      {model !== "" && <p className="text-sm text-ink-soft">{t.consultation.model(model)}</p>}
    </Banner>
  );
}

const NAME_COLOUR: Record<Turn["kind"], string> = {
  doctor: "text-brand-text",
  patient: "text-ink",
  guest: "text-machine",
};

function TurnView({ turn, query }: { turn: Turn; query: string }) {
  const start = position(turn.startMs);
  return (
    <li className="grid gap-x-5 gap-y-1 break-inside-avoid sm:grid-cols-[4.5rem_1fr]">
      <span className="tabular pt-0.5 text-sm text-ink-soft sm:text-right">{start}</span>
      <div className="flex min-w-0 flex-col gap-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <span className={cx("font-semibold", NAME_COLOUR[turn.kind])}>{turn.speaker}</span>
          <span className="text-sm text-ink-soft">{t.consultation.kinds[turn.kind]}</span>
        </p>
        {turn.entries.map((entry) => (
          <EntryView key={entry.start_ms} entry={entry} query={query} />
        ))}
      </div>
    </li>
  );
}

function EntryView({ entry, query }: { entry: TranscriptEntryView; query: string }) {
  if (entry.state === "gap") {
    return (
      <p className="flex items-center gap-2 rounded-sm border border-dashed border-wait px-3 py-1.5 text-sm text-wait">
        <EarOff aria-hidden className="size-4 shrink-0" />
        {t.consultation.gap(position(entry.start_ms), position(entry.end_ms))}
      </p>
    );
  }
  return (
    <p data-testid="transcript-entry" data-speaker={entry.speaker} className="max-w-prose text-pretty break-words">
      {highlight(entry.text, query).map(({ text, match }, index) =>
        match ? (
          // oxlint-disable-next-line react/no-array-index-key -- parts of an unchanging text have no other identity
          <mark key={index} className="rounded-sm bg-wait-soft text-ink underline decoration-wait decoration-2 aria-current:bg-brand aria-current:text-brand-ink">
            {text}
          </mark>
        ) : (
          text
        ),
      )}
    </p>
  );
}
