import type { LucideIcon } from "lucide-react";
import type { ComponentProps } from "react";

import { cx } from "../../lib/classes";
import { Tooltip } from "../../ui/Tooltip";

const LOOK = {
  on: "bg-raised hover:bg-line",
  off: "bg-danger-soft text-danger hover:bg-raised",
  active: "bg-brand text-brand-ink hover:bg-brand-hover",
  machine: "bg-machine-soft text-machine hover:bg-raised",
  danger: "bg-danger-solid text-white hover:bg-danger-solid-hover",
};

interface BarButtonProps extends ComponentProps<"button"> {
  icon: LucideIcon;
  /** One or two words, under the icon where there is room. */
  name: string;
  /** What pressing it does; read aloud and shown as a tooltip. */
  does: string;
  shortcut?: string;
  look?: keyof typeof LOOK;
}

/** A control of the call: always an icon, on wide screens with its name below. */
export function BarButton({ icon: Icon, name, does, shortcut, look = "on", className, ...rest }: BarButtonProps) {
  return (
    <Tooltip text={does} shortcut={shortcut}>
      <button
        type="button"
        aria-label={does}
        aria-keyshortcuts={shortcut}
        {...rest}
        className={cx("group flex flex-col items-center gap-1 rounded-control text-sm font-medium lg:min-w-20", className)}
      >
        <span
          className={cx(
            "flex size-12 items-center justify-center rounded-full transition-colors duration-150",
            LOOK[look],
          )}
        >
          <Icon aria-hidden className="size-5.5" />
        </span>
        <span aria-hidden className="hidden px-1 text-center whitespace-nowrap lg:block">
          {name}
        </span>
      </button>
    </Tooltip>
  );
}
