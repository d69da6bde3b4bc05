import { ArrowDown, MessageSquareText, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { t } from "../../lib/i18n";
import { position } from "../../lib/time";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { captionKey, type Captions, searchCaptions } from "./captions";

interface TranscriptPanelProps {
  captions: Captions;
  names: ReadonlyMap<string, string>;
  onClose: () => void;
}

/** Everything captioned so far. Follows the conversation until the reader scrolls up or searches. */
export function TranscriptPanel({ captions, names, onClose }: TranscriptPanelProps) {
  const [query, setQuery] = useState("");
  const [following, setFollowing] = useState(true);
  const list = useRef<HTMLOListElement>(null);
  const found = searchCaptions(captions, query);
  const toEnd = () => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  };
  useEffect(() => {
    if (following && list.current) list.current.scrollTop = list.current.scrollHeight;
  });
  return (
    <aside
      aria-label={t.call.transcriptTitle}
      data-testid="transcript-panel"
      className="flex min-h-0 w-full flex-col border-line bg-surface text-ink max-lg:absolute max-lg:inset-0 max-lg:z-30 lg:w-96 lg:shrink-0 lg:border-l"
    >
      <header className="flex items-start justify-between gap-3 p-4 pb-2">
        <div>
          <h2 className="text-lg font-semibold">{t.call.transcriptTitle}</h2>
          <p className="text-sm text-ink-soft">{t.call.transcriptNote}</p>
        </div>
        <IconButton icon={X} label={t.call.transcriptHide} onClick={onClose} />
      </header>
      <div className="px-4 pb-3">
        <TextField
          label={t.call.transcriptSearch}
          labelHidden
          type="search"
          placeholder={t.call.transcriptSearch}
          value={query}
          onChange={({ target }) => setQuery(target.value)}
        />
      </div>
      {found.length === 0 ? (
        <Empty searching={query.trim() !== ""} />
      ) : (
        <ol
          ref={list}
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
          tabIndex={0}
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) =>
            setFollowing(scrollHeight - scrollTop - clientHeight < 40)
          }
          className="flex min-h-0 grow flex-col gap-4 overflow-y-auto px-4 pb-4"
        >
          {found.map((caption) => (
            <li key={captionKey(caption)}>
              <p className="flex items-baseline justify-between gap-3 text-sm">
                <span className="font-semibold text-machine">{names.get(caption.participant) ?? t.call.someone}</span>
                <time className="text-ink-soft">{position(caption.start_ms)}</time>
              </p>
              {caption.state === "gap" ? <p className="text-ink-soft italic">{t.call.gap}</p> : <p>{caption.text}</p>}
            </li>
          ))}
        </ol>
      )}
      {!following && (
        <Button variant="secondary" icon={ArrowDown} onClick={toEnd} className="m-4 mt-0">
          {t.call.transcriptLatest}
        </Button>
      )}
    </aside>
  );
}

function Empty({ searching }: { searching: boolean }) {
  return (
    <div className="flex grow flex-col items-center gap-2 px-6 pt-12 text-center">
      <MessageSquareText aria-hidden className="mb-1 size-8 text-ink-soft" />
      <p className="font-semibold">{searching ? t.call.transcriptNothingFound : t.call.transcriptEmpty}</p>
      {!searching && <p className="text-ink-soft">{t.call.transcriptEmptyText}</p>}
    </div>
  );
}
