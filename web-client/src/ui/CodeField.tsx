import type { ComponentProps } from "react";

import { TextField } from "./Field";

/** Six digits from an authenticator app; phones offer the right keyboard and managers fill it in. */
export function CodeField(props: ComponentProps<typeof TextField>) {
  return (
    <TextField
      autoComplete="one-time-code"
      inputMode="numeric"
      maxLength={7}
      spellCheck={false}
      {...props}
      className="tabular max-w-44 text-lg tracking-[0.3em]"
    />
  );
}
