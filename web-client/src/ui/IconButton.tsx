import type { LucideIcon } from "lucide-react";
import type { ComponentProps } from "react";

import { cx } from "../lib/classes";
import { Tooltip } from "./Tooltip";

type IconButtonVariant = "plain" | "solid" | "off" | "danger";

const VARIANT: Record<IconButtonVariant, string> = {
  plain: "text-ink-soft hover:bg-raised hover:text-ink",
  solid: "bg-raised text-ink hover:bg-line",
  // A control that is switched off, such as a muted microphone; its icon is struck through as well.
  off: "bg-danger-soft text-danger hover:bg-raised",
  danger: "bg-danger-solid text-white hover:bg-danger-solid-hover",
};

interface IconButtonProps extends Omit<ComponentProps<"button">, "children"> {
  icon: LucideIcon;
  /** Read aloud and shown as a tooltip. */
  label: string;
  /** A keyboard shortcut, shown in the tooltip. */
  shortcut?: string;
  variant?: IconButtonVariant;
  size?: "md" | "lg";
}

export function IconButton(props: IconButtonProps) {
  const { icon: Icon, label, shortcut, variant = "plain", size = "md", className, ...rest } = props;
  return (
    <Tooltip text={label} shortcut={shortcut}>
      <button
        type="button"
        aria-label={label}
        aria-keyshortcuts={shortcut}
        {...rest}
        className={cx(
          "inline-flex shrink-0 items-center justify-center rounded-full transition-colors duration-150",
          "disabled:cursor-not-allowed disabled:opacity-55",
          size === "lg" ? "size-13" : "size-11",
          VARIANT[variant],
          className,
        )}
      >
        <Icon aria-hidden className={size === "lg" ? "size-6" : "size-5"} />
      </button>
    </Tooltip>
  );
}
