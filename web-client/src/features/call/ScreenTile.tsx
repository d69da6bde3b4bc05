import { ScreenShare } from "lucide-react";

import type { ParticipantView } from "../../api/messages";
import { t } from "../../lib/i18n";
import { VideoView } from "./VideoView";

/** Somebody's shared screen, whole. */
export function ScreenTile({ person, track }: { person: ParticipantView; track: MediaStreamTrack }) {
  const label = t.call.screenOf(person.name);
  return (
    <section aria-label={label} className="relative size-full min-h-0 overflow-hidden rounded-card bg-black">
      <VideoView track={track} participant={person.id} source="screen" label={label} whole />
      <p className="absolute top-2 left-2 flex items-center gap-2 rounded-control bg-ground/80 px-2.5 py-1 text-sm font-semibold">
        <ScreenShare aria-hidden className="size-4" />
        {label}
      </p>
    </section>
  );
}
