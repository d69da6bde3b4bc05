import { Search } from "lucide-react";
import type { ComponentProps } from "react";

import { TextField } from "./Field";

/** Filters what is below while it is typed. */
export function SearchField({ label, ...rest }: ComponentProps<typeof TextField>) {
  return (
    <search className="relative">
      <Search aria-hidden className="pointer-events-none absolute top-1/2 left-3.5 z-1 size-5 -translate-y-1/2 text-ink-soft" />
      <TextField type="search" label={label} labelHidden placeholder={label} autoComplete="off" {...rest} className="pl-11" />
    </search>
  );
}
