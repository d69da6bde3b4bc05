import { CircleAlert, CircleCheck, Info, type LucideIcon, Sparkles, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { cx } from "../lib/classes";
import type { Tone } from "./StatusPill";

const LOOK: Record<Tone, { box: string; icon: string; symbol: LucideIcon }> = {
  neutral: { box: "border-line bg-raised", icon: "text-ink-soft", symbol: Info },
  brand: { box: "border-brand/40 bg-brand-soft", icon: "text-brand-text", symbol: Info },
  ok: { box: "border-ok/40 bg-ok-soft", icon: "text-ok", symbol: CircleCheck },
  wait: { box: "border-wait/40 bg-wait-soft", icon: "text-wait", symbol: TriangleAlert },
  danger: { box: "border-danger/40 bg-danger-soft", icon: "text-danger", symbol: CircleAlert },
  machine: { box: "border-machine/40 bg-machine-soft", icon: "text-machine", symbol: Sparkles },
};

interface BannerProps {
  tone: Tone;
  title?: string;
  children?: ReactNode;
  action?: ReactNode;
  icon?: LucideIcon;
  /** Announce it when it appears; `alert` interrupts. */
  live?: "status" | "alert";
}

export function Banner({ tone, title, children, action, icon, live }: BannerProps) {
  const look = LOOK[tone];
  const Icon = icon ?? look.symbol;
  return (
    <div role={live} className={cx("flex flex-wrap items-center gap-x-4 gap-y-3 rounded-card border p-4 text-ink", look.box)}>
      <div className="flex min-w-60 flex-1 gap-3">
        <Icon aria-hidden className={cx("mt-0.5 size-5 shrink-0", look.icon)} />
        <div className="flex flex-col gap-0.5">
          {title !== undefined && <p className="font-semibold">{title}</p>}
          {children}
        </div>
      </div>
      {action}
    </div>
  );
}
