import { Siren, UserRoundCheck } from "lucide-react";

import type { PatientView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { clockTime } from "../../lib/time";
import { StatusPill } from "../../ui/StatusPill";

/** Why this doctor sees this patient. */
export function PatientAccess({ patient: { access, access_until: until } }: { patient: PatientView }) {
  return access === "assigned" ? (
    <StatusPill tone="brand" icon={UserRoundCheck}>
      {t.access.accessAssigned}
    </StatusPill>
  ) : (
    <StatusPill tone="danger" icon={Siren}>
      {t.access.accessBreakGlass(until === null ? "" : clockTime(until))}
    </StatusPill>
  );
}
