import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import { cx } from "../lib/classes";

/** neutral: plain fact · brand: yours · ok: healthy, done · wait: waiting, degraded · danger: stopped, failed ·
 *  machine: made by a machine */
export type Tone = "neutral" | "brand" | "ok" | "wait" | "danger" | "machine";

const TONE: Record<Tone, string> = {
  neutral: "bg-raised text-ink-soft",
  brand: "bg-brand-soft text-brand-text",
  ok: "bg-ok-soft text-ok",
  wait: "bg-wait-soft text-wait",
  danger: "bg-danger-soft text-danger",
  machine: "bg-machine-soft text-machine",
};

interface StatusPillProps {
  tone: Tone;
  /** A state is never told by colour alone. */
  icon: LucideIcon;
  children: ReactNode;
  className?: string;
}

export function StatusPill({ tone, icon: Icon, children, className }: StatusPillProps) {
  return (
    <span
      className={cx(
        "inline-flex items-center gap-1.5 rounded-full px-2.5 py-1 text-sm font-semibold whitespace-nowrap",
        TONE[tone],
        className,
      )}
    >
      <Icon aria-hidden className="size-4 shrink-0" />
      {children}
    </span>
  );
}

/** A count or a short word without a state, such as the number of people waiting. */
export function Badge({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={cx(
        "tabular inline-flex min-w-6 items-center justify-center rounded-full px-2 py-0.5 text-sm font-semibold",
        TONE[tone],
      )}
    >
      {children}
    </span>
  );
}
