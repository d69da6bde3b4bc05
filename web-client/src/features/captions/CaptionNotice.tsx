import { Sparkles, TriangleAlert } from "lucide-react";

import type { CaptionService } from "../../api/messages";
import { t } from "../../lib/i18n";

/** Says when captions cannot be trusted or cannot be made. */
export function CaptionNotice({ service }: { service: CaptionService | null }) {
  if (service === null || (service.state === "ready" && !service.demonstration)) return null;
  const unavailable = service.state === "unavailable";
  const Icon = unavailable ? TriangleAlert : Sparkles;
  return (
    <p
      role="status"
      data-testid="caption-notice"
      className="flex items-center justify-center gap-2 bg-machine-soft px-4 py-1.5 text-center text-sm text-machine"
    >
      <Icon aria-hidden className="size-4 shrink-0" />
      {unavailable ? t.call.captionsUnavailable(service.why) : t.call.demonstration}
    </p>
  );
}
