import type { ComponentProps } from "react";

import { cx } from "../lib/classes";

export function Card({ className, ...rest }: ComponentProps<"div">) {
  return <div {...rest} className={cx("rounded-card border border-line bg-surface p-5 shadow-soft sm:p-6", className)} />;
}
