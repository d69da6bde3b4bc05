import { Volume2 } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";

import { t } from "../../lib/i18n";
import { playOn } from "../../rtc/devices";
import type { RemoteMedia } from "../../rtc/peer";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";

interface RemoteSoundProps {
  media: RemoteMedia;
  /** The chosen loudspeaker; null: the system's. */
  output: string | null;
}

/** Everyone's voice. A browser may hold sound back until the person has pressed something: then there is a button. */
export function RemoteSound({ media, output }: RemoteSoundProps) {
  const [blocked, setBlocked] = useState(false);
  const voices = useRef<HTMLDivElement>(null);
  const onBlocked = useCallback(() => setBlocked(true), []);
  const enable = () => {
    setBlocked(false);
    for (const voice of voices.current?.querySelectorAll("audio") ?? []) voice.play().catch(onBlocked);
  };
  return (
    <>
      <div ref={voices} hidden>
        {[...media].flatMap(([participant, tracks]) => {
          const track = tracks.get("microphone");
          return track === undefined
            ? []
            : [<Voice key={participant} participant={participant} track={track} output={output} onBlocked={onBlocked} />];
        })}
      </div>
      {blocked && (
        <Banner
          tone="wait"
          icon={Volume2}
          live="alert"
          action={
            <Button icon={Volume2} onClick={enable} data-testid="btn-enable-sound">
              {t.call.enableSound}
            </Button>
          }
        >
          {t.call.enableSoundText}
        </Banner>
      )}
    </>
  );
}

interface VoiceProps {
  participant: string;
  track: MediaStreamTrack;
  output: string | null;
  onBlocked: () => void;
}

function Voice({ participant, track, output, onBlocked }: VoiceProps) {
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const element = audio.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") onBlocked();
    });
  }, [track, onBlocked]);
  useEffect(() => {
    if (audio.current) void playOn(audio.current, output);
  }, [output]);
  // oxlint-disable-next-line jsx-a11y/media-has-caption -- live speech; its captions are the overlay of the call
  return <audio ref={audio} data-participant={participant} data-source="microphone" />;
}
