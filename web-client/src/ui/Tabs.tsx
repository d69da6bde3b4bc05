import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";

interface Tab {
  value: string;
  label: ReactNode;
  content: ReactNode;
}

interface TabsProps {
  label: string;
  tabs: readonly Tab[];
  /** Without `value` the tabs keep track themselves, starting with the first. */
  value?: string;
  onChange?: (value: string) => void;
}

export function Tabs({ label, tabs, value, onChange }: TabsProps) {
  const control = value === undefined ? { defaultValue: tabs[0]?.value ?? "" } : { value };
  return (
    <Radix.Root {...control} {...(onChange && { onValueChange: onChange })} className="flex min-h-0 flex-col">
      <Radix.List aria-label={label} className="flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="-mb-px min-h-11 border-b-2 border-transparent px-3 font-semibold whitespace-nowrap text-ink-soft hover:text-ink data-[state=active]:border-brand data-[state=active]:text-brand-text"
          >
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value} className="min-h-0 grow pt-4">
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
