import { MicOff, VideoOff } from "lucide-react";

import { t } from "../../lib/i18n";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { problemText } from "../call/problems";
import type { Preview } from "./usePreview";

/** What is wrong with a device: what happened, what still works, what to do. */
export function DeviceProblems({ preview }: { preview: Preview }) {
  return (
    <>
      {(["camera", "microphone"] as const).map((kind) => {
        const { on, problem } = preview.sources[kind];
        if (!on || problem === null) return null;
        const { title, safe, action } = problemText(kind, problem);
        return (
          <Banner
            key={kind}
            tone="wait"
            icon={kind === "camera" ? VideoOff : MicOff}
            live="status"
            title={title}
            action={
              <Button variant="secondary" onClick={() => preview.turn(kind, true)}>
                {t.ui.retry}
              </Button>
            }
          >
            <p>
              {safe} {action}
            </p>
          </Banner>
        );
      })}
    </>
  );
}
