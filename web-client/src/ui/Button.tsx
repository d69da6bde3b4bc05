import type { LucideIcon } from "lucide-react";
import type { ComponentProps } from "react";
import { Link, type LinkProps } from "react-router";

import { cx } from "../lib/classes";
import { Spinner } from "./Spinner";

type ButtonVariant = "primary" | "secondary" | "quiet" | "danger";
type ButtonSize = "md" | "lg";

const VARIANT: Record<ButtonVariant, string> = {
  primary: "bg-brand text-brand-ink hover:bg-brand-hover",
  secondary: "bg-surface text-ink border border-line-strong hover:bg-raised",
  quiet: "text-brand-text hover:bg-raised",
  danger: "bg-danger-solid text-white hover:bg-danger-solid-hover",
};

const SIZE: Record<ButtonSize, string> = {
  md: "min-h-11 px-4 py-2 text-base",
  lg: "min-h-13 px-6 py-3 text-lg",
};

function buttonClass(variant: ButtonVariant = "primary", size: ButtonSize = "md"): string {
  return cx(
    "inline-flex items-center justify-center gap-2 rounded-control font-semibold text-center transition-colors duration-150",
    "disabled:cursor-not-allowed disabled:opacity-55 aria-disabled:cursor-progress",
    VARIANT[variant],
    SIZE[size],
  );
}

interface Looks {
  variant?: ButtonVariant;
  size?: ButtonSize;
  icon?: LucideIcon;
}

interface ButtonProps extends ComponentProps<"button">, Looks {
  /** Work is under way: the button keeps its place and focus, and a second press does nothing. */
  busy?: boolean;
}

export function Button({ variant, size, icon: Icon, busy, className, children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={busy ? true : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
      className={cx(buttonClass(variant, size), className)}
    >
      {busy ? <Spinner /> : Icon && <Icon aria-hidden className="size-5 shrink-0" />}
      {children}
    </button>
  );
}

export function ButtonLink({ variant, size, icon: Icon, className, children, ...rest }: LinkProps & Looks) {
  return (
    <Link {...rest} className={cx(buttonClass(variant, size), className)}>
      {Icon && <Icon aria-hidden className="size-5 shrink-0" />}
      {children}
    </Link>
  );
}
