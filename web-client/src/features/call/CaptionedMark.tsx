import { Captions, CaptionsOff } from "lucide-react";

import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";

/** On everyone, always: whether this person's words are being written down. */
export function CaptionedMark({ captioned, brief = false }: { captioned: boolean; brief?: boolean }) {
  const Icon = captioned ? Captions : CaptionsOff;
  return (
    <span
      data-testid="captioned-mark"
      data-captioned={captioned}
      className={cx("flex shrink-0 items-center gap-1", captioned ? "text-machine" : "text-ink-soft")}
    >
      <Icon aria-hidden className="size-4" />
      <span className={cx(brief ? "sr-only" : "max-sm:sr-only")}>
        {captioned ? t.call.captioned : t.call.notCaptioned}
      </span>
    </span>
  );
}
