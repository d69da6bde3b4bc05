import { CircleCheck, CircleX, Hourglass, type LucideIcon, UserCheck, Video } from "lucide-react";

import type { ConsultationState } from "../../api/schema";
import { t } from "../../lib/i18n";
import { StatusPill, type Tone } from "../../ui/StatusPill";

const LOOK: Record<ConsultationState, { tone: Tone; icon: LucideIcon }> = {
  requested: { tone: "wait", icon: Hourglass },
  accepted: { tone: "brand", icon: UserCheck },
  active: { tone: "ok", icon: Video },
  completed: { tone: "neutral", icon: CircleCheck },
  cancelled: { tone: "neutral", icon: CircleX },
};

export function StatePill({ state }: { state: ConsultationState }) {
  return <StatusPill {...LOOK[state]}>{t.consultation.states[state]}</StatusPill>;
}
