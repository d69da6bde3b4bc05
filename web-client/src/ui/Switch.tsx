import { Switch as Radix } from "radix-ui";
import { type ReactNode, useId } from "react";

interface SwitchProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  label: string;
  hint?: ReactNode;
  disabled?: boolean;
  "data-testid"?: string;
}

/** Takes effect at once; for a choice that is sent with a form use a checkbox. */
export function Switch({ checked, onChange, label, hint, disabled = false, ...rest }: SwitchProps) {
  const id = useId();
  return (
    <div className="flex min-h-11 items-start justify-between gap-4">
      <div className="flex flex-col">
        <label htmlFor={id} className="font-semibold">
          {label}
        </label>
        {hint !== undefined && (
          <div id={`${id}-hint`} className="text-sm text-ink-soft">
            {hint}
          </div>
        )}
      </div>
      <Radix.Root
        {...rest}
        id={id}
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className="relative h-7 w-12 shrink-0 rounded-full bg-line-strong transition-colors duration-150 before:absolute before:-inset-2 disabled:opacity-55 data-[state=checked]:bg-brand"
      >
        <Radix.Thumb className="block size-5 translate-x-1 rounded-full bg-surface transition-transform duration-150 data-[state=checked]:translate-x-6" />
      </Radix.Root>
    </div>
  );
}
