import { ToggleGroup } from "radix-ui";

interface TabsProps<V extends string> {
  label: string;
  value: V;
  onChange: (value: V) => void;
  options: readonly { value: V; label: string }[];
}

/** Which part of a list is shown. */
export function Tabs<V extends string>({ label, value, onChange, options }: TabsProps<V>) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value}
      onValueChange={(chosen) => {
        const option = options.find((each) => each.value === chosen);
        if (option) onChange(option.value);
      }}
      className="inline-flex self-start rounded-control border border-line bg-surface p-0.5"
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          className="min-h-11 rounded-sm px-4 font-semibold text-ink-soft data-[state=on]:bg-brand-soft data-[state=on]:text-brand-text"
        >
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
