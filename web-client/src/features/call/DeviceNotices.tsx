import { MicOff, MonitorUp, VideoOff } from "lucide-react";

import { t } from "../../lib/i18n";
import type { Call } from "../../rtc/call";
import type { LocalSources } from "../../rtc/local";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { problemText } from "./problems";

/** What is wrong with the own microphone or camera, and the way out; and that the screen is being shared. */
export function DeviceNotices({ call, local }: { call: Call; local: LocalSources }) {
  return (
    <>
      {(["microphone", "camera"] as const).map((kind) => {
        const { on, problem } = local[kind];
        if (!on || problem === null) return null;
        const { title, action } = problemText(kind, problem);
        return (
          <Banner
            key={kind}
            tone="wait"
            icon={kind === "microphone" ? MicOff : VideoOff}
            live="alert"
            title={title}
            action={
              <>
                <Button variant="secondary" onClick={() => void call.turn(kind, false)}>
                  {kind === "microphone" ? t.call.withoutMicrophone : t.call.withoutCamera}
                </Button>
                <Button onClick={() => void call.chooseDevice(kind, call.deviceOf(kind))}>{t.ui.retry}</Button>
              </>
            }
          >
            <p>{action}</p>
          </Banner>
        );
      })}
      {local.screen.on && (
        <Banner
          tone="brand"
          icon={MonitorUp}
          live="status"
          title={t.call.sharing}
          action={<Button onClick={() => void call.share(false)}>{t.call.shareStop}</Button>}
        />
      )}
    </>
  );
}
