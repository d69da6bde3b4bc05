import { MicOff, Move, VideoOff } from "lucide-react";
import { type CSSProperties, type KeyboardEvent, type PointerEvent, useState } from "react";

import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";
import type { CallSnapshot } from "../../rtc/call";
import { CaptionedMark } from "./CaptionedMark";
import { VideoView } from "./VideoView";

interface Corner {
  right: boolean;
  bottom: boolean;
}

interface Drag {
  fromX: number;
  fromY: number;
  x: number;
  y: number;
}

/** Your own picture: small, mirrored, and in the corner where you put it. */
export function SelfView({ snapshot }: { snapshot: CallSnapshot }) {
  const [corner, setCorner] = useState<Corner>({ right: true, bottom: false });
  const [drag, setDrag] = useState<Drag | null>(null);
  const { camera, microphone } = snapshot.local;
  const self = snapshot.participants.find(({ id }) => id === snapshot.you);
  const id = snapshot.you ?? "";
  const speaking = snapshot.activeSpeakers.includes(id);

  const move = (event: PointerEvent) => {
    if (drag) setDrag({ ...drag, x: event.clientX - drag.fromX, y: event.clientY - drag.fromY });
  };
  const drop = (event: PointerEvent<HTMLElement>) => {
    const stage = event.currentTarget.parentElement?.getBoundingClientRect();
    if (drag && stage) {
      setCorner({
        right: event.clientX > stage.left + stage.width / 2,
        bottom: event.clientY > stage.top + stage.height / 2,
      });
    }
    setDrag(null);
  };
  const steer = ({ key }: KeyboardEvent) => {
    if (key === "ArrowLeft" || key === "ArrowRight") setCorner({ ...corner, right: key === "ArrowRight" });
    if (key === "ArrowUp" || key === "ArrowDown") setCorner({ ...corner, bottom: key === "ArrowDown" });
  };
  const style: CSSProperties = drag === null ? {} : { translate: `${drag.x}px ${drag.y}px` };

  return (
    <section
      aria-label={t.call.you}
      data-testid={id === "" ? undefined : `tile-${id}`}
      data-speaking={speaking}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ fromX: event.clientX, fromY: event.clientY, x: 0, y: 0 });
      }}
      onPointerMove={move}
      onPointerUp={drop}
      onPointerCancel={() => setDrag(null)}
      style={style}
      className={cx(
        "group absolute z-10 aspect-video w-32 cursor-grab touch-none overflow-hidden rounded-card border-2 bg-surface shadow-soft select-none sm:w-56",
        speaking ? "border-ok" : "border-line",
        corner.right ? "right-3" : "left-3",
        // On a phone the lower third belongs to the captions, and the first line to the name.
        corner.bottom ? "bottom-3 max-sm:bottom-[38%]" : "top-3 max-sm:top-9",
      )}
    >
      {camera.on && camera.track ? (
        <VideoView track={camera.track} participant={id} source="camera" label={t.call.you} mirrored />
      ) : (
        <p className="flex size-full items-center justify-center gap-2 text-sm text-ink-soft max-sm:pb-7">
          <VideoOff aria-hidden className="size-4" />
          {t.call.cameraOff}
        </p>
      )}
      <div className="absolute bottom-1.5 left-1.5 flex items-center gap-1.5 rounded-sm bg-ground/80 px-2 py-0.5 text-sm font-semibold">
        {!microphone.on && <MicOff role="img" aria-label={t.call.microphoneOff} className="size-4 text-danger" />}
        {t.call.you}
        <CaptionedMark captioned={self?.captioned === true && snapshot.consent} brief />
      </div>
      <button
        type="button"
        aria-label={t.call.moveSelf}
        title={t.call.moveSelfHint}
        onKeyDown={steer}
        className="absolute top-0 right-0 flex size-11 cursor-grab items-center justify-center opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
      >
        <Move aria-hidden className="size-5 rounded-sm bg-ground/80 p-0.5" />
      </button>
    </section>
  );
}
