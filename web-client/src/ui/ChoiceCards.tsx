import { CircleAlert } from "lucide-react";
import type { ComponentProps } from "react";

interface Choice {
  value: string;
  title: string;
  text: string;
}

interface ChoiceCardsProps extends Omit<ComponentProps<"input">, "type" | "value"> {
  legend: string;
  choices: readonly Choice[];
  error?: string | undefined;
}

/** One of a few, each explained in a sentence. */
export function ChoiceCards({ legend, choices, error, ...input }: ChoiceCardsProps) {
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1.5 font-semibold">{legend}</legend>
      <div className="grid gap-3 sm:grid-cols-2">
        {choices.map(({ value, title, text }) => (
          <label
            key={value}
            className="flex min-h-11 gap-3 rounded-control border border-line-strong bg-surface p-3.5 hover:bg-raised has-checked:border-brand has-checked:bg-brand-soft has-focus-visible:outline-3 has-focus-visible:outline-offset-2 has-focus-visible:outline-focus"
          >
            <input type="radio" {...input} value={value} className="mt-1 size-4.5 shrink-0 accent-brand outline-none" />
            <span className="flex flex-col">
              <span className="font-semibold">{title}</span>
              <span className="text-sm text-ink-soft">{text}</span>
            </span>
          </label>
        ))}
      </div>
      {error !== undefined && (
        <p className="flex items-start gap-1.5 text-sm font-medium text-danger">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {error}
        </p>
      )}
    </fieldset>
  );
}
