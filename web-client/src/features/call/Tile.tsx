import { MicOff, VideoOff } from "lucide-react";
import { useState } from "react";

import type { ParticipantView, Quality } from "../../api/messages";
import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";
import { Avatar } from "../../ui/Avatar";
import { Spinner } from "../../ui/Spinner";
import { CaptionedMark } from "./CaptionedMark";
import { roleOf, sends } from "./people";
import { QualityBars } from "./QualityBars";
import { VideoView } from "./VideoView";

interface TileProps {
  person: ParticipantView;
  camera: MediaStreamTrack | undefined;
  speaking: boolean;
  quality: Quality;
  /** Our own connection is lost: what is shown stands still. */
  frozen: boolean;
  small?: boolean;
}

/** One person: picture or initials, name and part, and everything that is to know about their connection. */
export function Tile({ person, camera, speaking, quality, frozen, small = false }: TileProps) {
  const showsCamera = camera !== undefined && sends(person, "camera");
  const away = person.presence === "reconnecting";
  return (
    <section
      aria-label={`${person.name}, ${roleOf(person)}`}
      data-testid={`tile-${person.id}`}
      data-speaking={speaking}
      className="relative size-full min-h-0 min-w-0 overflow-hidden rounded-card bg-raised"
    >
      <div className={cx("size-full transition-opacity duration-200", (away || frozen) && "opacity-35")}>
        {showsCamera ? (
          <Picture track={camera} person={person} />
        ) : (
          <div className="flex size-full flex-col items-center justify-center gap-3">
            <Avatar name={person.name} size={small ? "md" : "lg"} />
            {!small && (
              <p className="flex items-center gap-2 text-ink-soft">
                <VideoOff aria-hidden className="size-4" />
                {t.call.cameraOff}
              </p>
            )}
          </div>
        )}
      </div>
      {away && (
        <p role="status" className="absolute inset-0 flex items-center justify-center gap-3 p-6 text-center font-semibold">
          <Spinner className="shrink-0" />
          {t.call.reconnectingPerson(person.name)}
        </p>
      )}
      <NamePlate person={person} quality={quality} small={small} />
      {/* Above everything in the tile, so that no picture hides it. */}
      <div
        aria-hidden
        className={cx(
          "pointer-events-none absolute inset-0 rounded-card ring-inset transition-shadow duration-150",
          speaking ? "ring-4 ring-ok" : "ring-0",
        )}
      />
    </section>
  );
}

/** A new connection brings a new track: the last frame of the old one stays until the new one moves. */
function Picture({ track, person }: { track: MediaStreamTrack; person: ParticipantView }) {
  const [shown, setShown] = useState<MediaStreamTrack | null>(null);
  const layers = shown === null || shown === track ? [track] : [shown, track];
  return (
    <>
      {shown === null && (
        <div className="absolute inset-0 flex flex-col items-center justify-center gap-3">
          <Avatar name={person.name} size="lg" />
          <p className="animate-appear-late text-ink-soft">{t.call.cameraStarting}</p>
        </div>
      )}
      {layers.map((each) => (
        <div key={each.id} className="absolute inset-0">
          <VideoView
            track={each}
            participant={person.id}
            source="camera"
            label={person.name}
            onPlaying={() => {
              if (each === track) setShown(each);
            }}
          />
        </div>
      ))}
    </>
  );
}

function NamePlate({ person, quality, small }: { person: ParticipantView; quality: Quality; small: boolean }) {
  return (
    <div className="absolute top-2 left-2 flex max-w-[calc(100%-1rem)] items-center gap-2 rounded-control bg-ground/80 px-2.5 py-1 text-sm">
      {!sends(person, "microphone") && (
        <MicOff role="img" aria-label={t.call.microphoneOff} className="size-4 shrink-0 text-danger" />
      )}
      <span className="truncate font-semibold">{person.name}</span>
      {!small && <span className="truncate text-ink-soft">{roleOf(person)}</span>}
      <CaptionedMark captioned={person.captioned} brief={small} />
      <QualityBars quality={quality} name={person.name} />
    </div>
  );
}
