import { CircleCheck, CircleMinus, CircleOff, type LucideIcon } from "lucide-react";
import { ToggleGroup } from "radix-ui";

import type { Availability } from "../api/schema";
import { useUser } from "../features/session/RequireSession";
import { useSetAvailability } from "../features/session/session";
import { cx } from "../lib/classes";
import { t } from "../lib/i18n";
import { useToast } from "../ui/Toast";

const CHOICES: readonly { value: Availability; icon: LucideIcon; active: string }[] = [
  { value: "online", icon: CircleCheck, active: "data-[state=on]:bg-ok-soft data-[state=on]:text-ok" },
  { value: "busy", icon: CircleMinus, active: "data-[state=on]:bg-wait-soft data-[state=on]:text-wait" },
  { value: "offline", icon: CircleOff, active: "data-[state=on]:bg-raised data-[state=on]:text-ink" },
];

/** Shows the choice at once and takes it back if the server refuses. */
export function AvailabilitySwitch() {
  const user = useUser();
  const set = useSetAvailability();
  const toast = useToast();
  const shown = set.isPending ? set.variables : user.availability;
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={t.frame.availability.label}
      value={shown}
      onValueChange={(value) => {
        const choice = CHOICES.find((each) => each.value === value);
        if (!choice || choice.value === user.availability) return;
        set.mutate(choice.value, { onError: () => toast({ tone: "danger", text: t.frame.availability.failed }) });
      }}
      className="inline-flex rounded-control border border-line bg-ground p-0.5"
    >
      {CHOICES.map(({ value, icon: Icon, active }) => (
        <ToggleGroup.Item
          key={value}
          value={value}
          className={cx(
            "inline-flex min-h-11 min-w-11 items-center justify-center gap-1.5 rounded-sm px-2.5 text-sm font-semibold text-ink-soft sm:px-3",
            active,
          )}
        >
          <Icon aria-hidden className="size-4" />
          <span className={shown === value ? undefined : "sr-only sm:not-sr-only"}>{t.frame.availability[value]}</span>
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
