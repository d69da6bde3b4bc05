import { useId } from "react";

import type { Quality } from "../../api/messages";
import { t } from "../../lib/i18n";

const BARS: Record<Quality, { lit: number; colour: string }> = {
  good: { lit: 3, colour: "fill-ok" },
  fair: { lit: 2, colour: "fill-wait" },
  poor: { lit: 1, colour: "fill-danger" },
};

/** Three bars; pressing them says it in a sentence. */
export function QualityBars({ quality, name }: { quality: Quality; name: string }) {
  const id = useId();
  const { lit, colour } = BARS[quality];
  const text = t.call.quality[quality];
  return (
    <>
      <button
        type="button"
        popoverTarget={id}
        aria-label={text.name}
        data-quality={quality}
        className="relative -my-1 flex size-7 items-center justify-center rounded-sm before:absolute before:-inset-2"
      >
        <svg viewBox="0 0 16 16" aria-hidden className="size-4">
          {[0, 1, 2].map((bar) => (
            <rect
              key={bar}
              x={bar * 6}
              y={10 - bar * 5}
              width="4"
              height={6 + bar * 5}
              rx="1"
              className={bar < lit ? colour : "fill-line-strong"}
            />
          ))}
        </svg>
      </button>
      <div
        id={id}
        popover="auto"
        className="m-auto mt-20 max-w-72 rounded-card border border-line bg-surface p-3 text-ink shadow-soft"
      >
        {text.text(name)}
      </div>
    </>
  );
}
