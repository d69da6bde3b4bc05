import { t } from "../../lib/i18n";
import { Banner } from "../../ui/Banner";
import { useStatus } from "./queries";

/** Says before the call when captions cannot be relied on. */
export function CaptionServiceNote() {
  const { data } = useStatus();
  if (!data) return null;
  if (data.captions.state === "unavailable") {
    return <Banner tone="wait">{t.consultation.captionsOff(data.captions.why)}</Banner>;
  }
  return data.captions.demonstration ? <Banner tone="machine">{t.consultation.captionsDemonstration}</Banner> : null;
}
