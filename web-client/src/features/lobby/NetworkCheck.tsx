import { CircleCheck, type LucideIcon, TriangleAlert, WifiOff } from "lucide-react";

import { t } from "../../lib/i18n";
import { Spinner } from "../../ui/Spinner";
import { type NetworkGrade, useNetworkGrade } from "./network";

const LOOK: Record<NetworkGrade, { icon: LucideIcon; colour: string; text: string }> = {
  good: { icon: CircleCheck, colour: "text-ok", text: t.call.networkGood },
  fair: { icon: TriangleAlert, colour: "text-wait", text: t.call.networkFair },
  poor: { icon: TriangleAlert, colour: "text-wait", text: t.call.networkPoor },
  none: { icon: WifiOff, colour: "text-danger", text: t.call.networkNone },
};

export function NetworkCheck() {
  const { data: grade } = useNetworkGrade();
  const look = grade && LOOK[grade];
  return (
    <p role="status" className="flex items-start gap-3">
      {look ? <look.icon aria-hidden className={`mt-0.5 size-5 shrink-0 ${look.colour}`} /> : <Spinner className="mt-0.5 shrink-0" />}
      <span>
        <span className="font-semibold">{t.call.networkTitle}: </span>
        {look?.text ?? t.call.networkChecking}
      </span>
    </p>
  );
}
