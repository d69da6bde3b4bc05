import { CircleCheck, CircleOff, Clock3, MailWarning, type LucideIcon, UserX } from "lucide-react";

import type { AccountState } from "../../api/schema";
import { t } from "../../lib/i18n";
import { StatusPill, type Tone } from "../../ui/StatusPill";

const LOOK: Record<AccountState, { tone: Tone; icon: LucideIcon }> = {
  active: { tone: "ok", icon: CircleCheck },
  pending: { tone: "wait", icon: Clock3 },
  unverified: { tone: "wait", icon: MailWarning },
  deactivated: { tone: "danger", icon: CircleOff },
  erased: { tone: "neutral", icon: UserX },
};

export function UserStatePill({ state }: { state: AccountState }) {
  const { tone, icon } = LOOK[state];
  return (
    <StatusPill tone={tone} icon={icon}>
      {t.admin.states[state]}
    </StatusPill>
  );
}
