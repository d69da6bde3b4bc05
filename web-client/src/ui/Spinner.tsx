import { LoaderCircle } from "lucide-react";

import { cx } from "../lib/classes";

/** Never stands alone: a sentence or a label beside it says what is being waited for. */
export function Spinner({ className }: { className?: string | undefined }) {
  return <LoaderCircle aria-hidden className={cx("size-5 animate-spin", className)} />;
}
