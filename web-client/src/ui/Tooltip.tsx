import { Tooltip as Radix } from "radix-ui";
import type { ReactElement } from "react";

/** Once around the app: tooltips open after half a second, then at once for their neighbours. */
export const TooltipProvider = Radix.Provider;

interface TooltipProps {
  text: string;
  shortcut?: string | undefined;
  side?: "top" | "bottom" | "left" | "right";
  children: ReactElement;
}

export function Tooltip({ text, shortcut, side = "top", children }: TooltipProps) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 flex animate-rise items-center gap-2 rounded-sm bg-ink px-2.5 py-1.5 text-sm text-ground shadow-soft"
        >
          {text}
          {shortcut && <kbd className="rounded-sm border border-current px-1.5 font-sans text-sm">{shortcut}</kbd>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
