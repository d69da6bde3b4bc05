import { CircleCheck, CircleX, Clock3, type LucideIcon } from "lucide-react";

import type { VerificationState } from "../../api/schema";
import { StatusPill, type Tone } from "../../ui/StatusPill";

const LOOK: Record<VerificationState, { tone: Tone; icon: LucideIcon }> = {
  pending: { tone: "wait", icon: Clock3 },
  approved: { tone: "ok", icon: CircleCheck },
  rejected: { tone: "danger", icon: CircleX },
};

interface VerificationPillProps {
  state: VerificationState;
  /** The administrator and the doctor read it in their own words. */
  words: Record<VerificationState, string>;
}

export function VerificationPill({ state, words }: VerificationPillProps) {
  const { tone, icon } = LOOK[state];
  return (
    <StatusPill tone={tone} icon={icon}>
      {words[state]}
    </StatusPill>
  );
}
