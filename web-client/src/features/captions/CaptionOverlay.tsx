import { cx } from "../../lib/classes";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { captionKey, type Captions, captionsOnScreen, splitStable } from "./captions";
import type { CaptionSize } from "./preferences";

const SIZE: Record<CaptionSize, string> = {
  small: "text-base sm:text-lg",
  medium: "text-lg sm:text-xl",
  large: "text-xl sm:text-2xl",
};

interface CaptionOverlayProps {
  captions: Captions;
  /** Milliseconds since the epoch. */
  startedAt: number;
  names: ReadonlyMap<string, string>;
  size: CaptionSize;
}

/** The last two utterances over the lower third of the stage: the settled words solid, the rest lighter. */
export function CaptionOverlay({ captions, startedAt, names, size }: CaptionOverlayProps) {
  const now = useNow(1_000);
  const visible = captionsOnScreen(captions, now - startedAt);
  return (
    <div
      aria-hidden
      data-testid="caption-overlay"
      className="pointer-events-none absolute inset-x-3 bottom-3 z-20 flex max-h-1/3 flex-col items-center justify-end gap-1.5 overflow-hidden"
    >
      {visible.map((caption) => {
        const { stable, tail } = splitStable(caption);
        return (
          <p
            key={captionKey(caption)}
            data-testid="caption-line"
            data-participant={caption.participant}
            data-state={caption.state}
            className={cx("max-w-3xl rounded-control bg-black/85 px-4 py-2 leading-snug text-white", SIZE[size])}
          >
            <span className="font-semibold text-machine">{names.get(caption.participant) ?? t.call.someone}: </span>
            {caption.state === "gap" ? <i className="text-ink-soft">{t.call.gap}</i> : stable}
            <span className="text-ink-soft">{tail}</span>
          </p>
        );
      })}
    </div>
  );
}

/** What a screen reader hears: each utterance once, when it is final. */
export function CaptionAnnouncer({ captions, names }: Pick<CaptionOverlayProps, "captions" | "names">) {
  const last = captions.findLast(({ state }) => state === "final");
  return (
    <p aria-live="polite" className="sr-only">
      {last && `${names.get(last.participant) ?? t.call.someone}: ${last.text}`}
    </p>
  );
}
