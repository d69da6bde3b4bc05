import { CircleAlert } from "lucide-react";
import type { ComponentProps } from "react";

interface CheckboxProps extends Omit<ComponentProps<"input">, "type"> {
  id: string;
  label: string;
  error?: string | undefined;
}

/** Sent with a form; what takes effect at once is a switch. */
export function Checkbox({ id, label, error, ...rest }: CheckboxProps) {
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="flex min-h-11 items-start gap-3">
        <input
          type="checkbox"
          id={id}
          aria-invalid={error === undefined ? undefined : true}
          aria-describedby={error === undefined ? undefined : `${id}-error`}
          {...rest}
          className="mt-0.5 size-5 shrink-0 accent-brand"
        />
        {label}
      </label>
      {error !== undefined && (
        <p id={`${id}-error`} className="flex items-start gap-1.5 text-sm font-medium text-danger">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {error}
        </p>
      )}
    </div>
  );
}
