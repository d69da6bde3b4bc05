import type { LucideIcon } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import type { ReactElement, ReactNode } from "react";

import { cx } from "../lib/classes";

interface MenuProps {
  /** A button; it gets the menu's behaviour. */
  trigger: ReactElement;
  children: ReactNode;
  align?: "start" | "end";
  side?: "top" | "bottom";
}

export function Menu({ trigger, children, align = "end", side = "bottom" }: MenuProps) {
  return (
    // Not modal: the modal form writes a style element at run time, which a strict content security policy forbids.
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 min-w-56 animate-rise rounded-card border border-line bg-surface p-1.5 text-ink shadow-soft"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

const ITEM =
  "flex min-h-11 select-none items-center gap-3 rounded-sm px-3 py-2 outline-none data-highlighted:bg-raised " +
  "data-disabled:cursor-not-allowed data-disabled:opacity-55";

interface MenuItemProps {
  icon?: LucideIcon;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
  children: ReactNode;
}

export function MenuItem({ icon: Icon, onSelect, danger = false, disabled = false, children }: MenuItemProps) {
  return (
    <Radix.Item disabled={disabled} onSelect={onSelect} className={cx(ITEM, danger && "text-danger")}>
      {Icon && <Icon aria-hidden className="size-5 shrink-0" />}
      {children}
    </Radix.Item>
  );
}

interface MenuChoiceProps<V extends string> {
  label: string;
  value: V;
  onChange: (value: V) => void;
  options: readonly { value: V; label: string; icon?: LucideIcon }[];
}

/** One of a few; the chosen one is marked and announced. */
export function MenuChoice<V extends string>({ label, value, onChange, options }: MenuChoiceProps<V>) {
  return (
    <Radix.RadioGroup
      aria-label={label}
      value={value}
      onValueChange={(chosen) => {
        const option = options.find((each) => each.value === chosen);
        if (option) onChange(option.value);
      }}
    >
      <Radix.Label className="px-3 pt-2 pb-1 text-sm font-semibold text-ink-soft">{label}</Radix.Label>
      {options.map(({ value: each, label: text, icon: Icon }) => (
        <Radix.RadioItem key={each} value={each} className={ITEM}>
          {Icon && <Icon aria-hidden className="size-5 shrink-0 text-ink-soft" />}
          <span className="grow">{text}</span>
          <Radix.ItemIndicator className="size-2.5 rounded-full bg-brand" />
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}

export function MenuSeparator() {
  return <Radix.Separator className="my-1.5 h-px bg-line" />;
}
