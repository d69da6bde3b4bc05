import { ChevronDown, CircleAlert } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";

import { cx } from "../lib/classes";

const CONTROL =
  "block w-full rounded-control border border-line-strong bg-surface px-3.5 py-2.5 text-base text-ink placeholder:text-ink-soft " +
  "min-h-11 transition-colors duration-150 hover:border-ink-soft disabled:cursor-not-allowed disabled:opacity-60 " +
  "aria-invalid:border-danger aria-invalid:bg-danger-soft/40";

interface Described {
  label: string;
  /** Helps before anything is typed; stays visible. */
  hint?: ReactNode;
  /** What is wrong and what to do about it. */
  error?: string | undefined;
  /** The label is read aloud but not drawn. */
  labelHidden?: boolean;
  /** At the right end of the hint line, for example a character count. */
  aside?: ReactNode;
}

interface FrameProps extends Described {
  id: string;
  children: ReactNode;
}

function FieldFrame({ id, label, hint, error, labelHidden, aside, children }: FrameProps) {
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className={cx("font-semibold text-ink", labelHidden && "sr-only")}>
        {label}
      </label>
      {children}
      {error !== undefined && (
        <p id={`${id}-error`} className="flex items-start gap-1.5 text-sm font-medium text-danger">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {error}
        </p>
      )}
      {(hint !== undefined || aside !== undefined) && (
        <div className="flex justify-between gap-4 text-sm text-ink-soft">
          <div id={`${id}-hint`}>{hint}</div>
          {aside}
        </div>
      )}
    </div>
  );
}

/** Splits a control's own properties from those of its frame, and ties them together for assistive technology. */
function useDescribed<P extends Described & { id?: string | undefined }>(props: P) {
  const { label, hint, error, labelHidden = false, aside, id: given, ...control } = props;
  const made = useId();
  const id = given ?? made;
  const describedBy = [error !== undefined && `${id}-error`, hint !== undefined && `${id}-hint`].filter(Boolean);
  return {
    frame: { id, label, hint, error, labelHidden, aside },
    control: {
      ...control,
      id,
      "aria-invalid": error === undefined ? undefined : true,
      "aria-describedby": describedBy.length > 0 ? describedBy.join(" ") : undefined,
    },
  };
}

export function TextField(props: ComponentProps<"input"> & Described) {
  const { frame, control } = useDescribed(props);
  return (
    <FieldFrame {...frame}>
      <input type="text" {...control} className={cx(CONTROL, props.className)} />
    </FieldFrame>
  );
}

export function TextArea(props: ComponentProps<"textarea"> & Described) {
  const { frame, control } = useDescribed(props);
  return (
    <FieldFrame {...frame}>
      <textarea rows={4} {...control} className={cx(CONTROL, "field-sizing-content max-h-96 min-h-28", props.className)} />
    </FieldFrame>
  );
}

/** The system's own list: the best one on a phone, and fully operable by keyboard and screen reader. */
export function Select(props: ComponentProps<"select"> & Described) {
  const { frame, control } = useDescribed(props);
  return (
    <FieldFrame {...frame}>
      <div className="relative">
        <select {...control} className={cx(CONTROL, "appearance-none truncate pr-10", props.className)} />
        <ChevronDown aria-hidden className="pointer-events-none absolute top-1/2 right-3 size-5 -translate-y-1/2 text-ink-soft" />
      </div>
    </FieldFrame>
  );
}
