import { Video, VideoOff } from "lucide-react";

import { t } from "../../lib/i18n";
import type { LocalSource } from "../../rtc/local";
import { Button } from "../../ui/Button";
import { Spinner } from "../../ui/Spinner";
import { VideoView } from "../call/VideoView";

/** How the others would see you, mirrored as people expect of themselves. */
export function CameraPreview({ camera, turn }: { camera: LocalSource; turn: (on: boolean) => void }) {
  const { on, track, problem } = camera;
  return (
    <div
      data-theme="dark"
      data-testid="lobby-preview"
      className="relative flex aspect-video w-full items-center justify-center overflow-hidden rounded-card bg-raised text-ink"
    >
      {on && track ? (
        <VideoView track={track} participant="" source="camera" label={t.call.preview} mirrored />
      ) : (
        <p className="flex max-w-72 items-center gap-3 pb-12 text-center">
          {on && problem === null ? <Spinner className="shrink-0" /> : <VideoOff aria-hidden className="size-5 shrink-0" />}
          {on && problem === null ? t.call.previewOpening : t.call.previewOff}
        </p>
      )}
      <Button
        variant="secondary"
        icon={on ? VideoOff : Video}
        onClick={() => turn(!on)}
        className="absolute bottom-3 bg-surface/90"
      >
        {on ? t.call.withoutCamera : t.call.withCamera}
      </Button>
    </div>
  );
}
