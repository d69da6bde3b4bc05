import { CircleCheck, Mic, MicOff } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";
import { meterLevel } from "../../rtc/devices";
import type { LocalSource } from "../../rtc/local";

/** Louder than the noise of a quiet room. */
const HEARD = 0.35;
const SHOW_EVERY_MS = 60;

/** Moves while you speak, so that nobody joins with a dead microphone without knowing. */
export function MicrophoneLevel({ microphone }: { microphone: LocalSource }) {
  const { on, track } = microphone;
  return on && track ? (
    <Meter key={track.id} track={track} />
  ) : (
    <p className="flex min-h-11 items-center gap-3 text-ink-soft">
      <MicOff aria-hidden className="size-5 shrink-0" />
      {t.call.levelOff}
    </p>
  );
}

function Meter({ track }: { track: MediaStreamTrack }) {
  const bar = useRef<HTMLDivElement>(null);
  const [heard, setHeard] = useState(false);
  useEffect(() => {
    const meter = meterLevel(track);
    const timer = setInterval(() => {
      const level = meter.level();
      if (level > HEARD) setHeard(true);
      bar.current?.setAttribute("aria-valuenow", String(Math.round(level * 100)));
      bar.current?.style.setProperty("--level", String(level));
    }, SHOW_EVERY_MS);
    return () => {
      clearInterval(timer);
      meter.close();
    };
  }, [track]);
  const Icon = heard ? CircleCheck : Mic;
  return (
    <div className="flex min-h-11 items-center gap-3">
      <Icon aria-hidden className={cx("size-5 shrink-0", heard ? "text-ok" : "text-ink-soft")} />
      <div className="flex grow flex-col gap-1.5">
        <p aria-live="polite" className="text-sm text-ink-soft">
          {heard ? t.call.levelGood : t.call.levelHint}
        </p>
        <div
          ref={bar}
          role="meter"
          aria-label={t.call.level}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={0}
          data-testid="lobby-level"
          className="h-2.5 overflow-hidden rounded-full bg-raised"
        >
          <div className="h-full origin-left scale-x-(--level) rounded-full bg-ok transition-transform duration-75" />
        </div>
      </div>
    </div>
  );
}
