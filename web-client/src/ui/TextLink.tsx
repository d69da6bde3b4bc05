import { Link, type LinkProps } from "react-router";

import { cx } from "../lib/classes";

/** A link on a line of its own or at the end of one: easy to hit. */
export function TextLink({ className, ...rest }: LinkProps) {
  return (
    <Link
      {...rest}
      className={cx("inline-flex min-h-11 items-center font-semibold text-brand-text underline underline-offset-4", className)}
    />
  );
}
