import { UserRound } from "lucide-react";
import { useSyncExternalStore } from "react";

import type { ParticipantKind, ParticipantView } from "../../api/messages";
import { cx } from "../../lib/classes";
import { t } from "../../lib/i18n";
import type { CallSnapshot } from "../../rtc/call";
import { worse } from "../../rtc/stats";
import { columnsFor, othersOf, sharerOf } from "./people";
import { ScreenTile } from "./ScreenTile";
import { Tile } from "./Tile";

const COLUMNS = ["", "grid-cols-1", "grid-cols-2", "grid-cols-3", "grid-cols-4"];
const PORTRAIT = window.matchMedia("(orientation: portrait)");

/** Everyone else: in a grid, or beside the screen that someone shares. */
export function Stage({ snapshot }: { snapshot: CallSnapshot }) {
  const portrait = useMedia(PORTRAIT);
  const others = othersOf(snapshot.participants, snapshot.you);
  if (others.length === 0) return <Alone kind={ownKind(snapshot)} />;
  const flows = snapshot.state.name === "active";
  const sharer = sharerOf(others);
  const screen = sharer && snapshot.media.get(sharer.id)?.get("screen");
  const tile = (person: ParticipantView, small: boolean) => (
    <Tile
      key={person.id}
      person={person}
      camera={snapshot.media.get(person.id)?.get("camera")}
      speaking={flows && snapshot.activeSpeakers.includes(person.id)}
      quality={worse(person.quality, snapshot.stats.get(person.id)?.quality ?? "good")}
      frozen={!flows}
      small={small}
    />
  );
  if (sharer && screen) {
    return (
      <div className={cx("flex size-full min-h-0 gap-2", portrait ? "flex-col" : "flex-row-reverse")}>
        {/* The first place of the strip is left to the own picture. */}
        <div className={cx("flex shrink-0 gap-2 overflow-auto", portrait ? "h-28 pr-36" : "w-59 flex-col pt-38 pr-3")}>
          {others.map((person) => (
            <div key={person.id} className={cx("shrink-0", portrait ? "aspect-4/3 h-full" : "aspect-video w-full")}>
              {tile(person, true)}
            </div>
          ))}
        </div>
        <div className="min-h-0 min-w-0 grow">
          <ScreenTile person={sharer} track={screen} />
        </div>
      </div>
    );
  }
  return (
    <div className={cx("grid size-full min-h-0 auto-rows-fr gap-2", COLUMNS[columnsFor(others.length, portrait)])}>
      {others.map((person) => tile(person, others.length > 4))}
    </div>
  );
}

function Alone({ kind }: { kind: ParticipantKind }) {
  return (
    <div className="flex size-full flex-col items-center justify-center gap-2 rounded-card bg-raised p-6 text-center">
      <span className="mb-2 flex size-16 items-center justify-center rounded-full bg-brand-soft text-brand-text">
        <UserRound aria-hidden className="size-8" />
      </span>
      <p className="text-xl font-semibold">{t.call.youAlone[kind]}</p>
      <p className="text-ink-soft">{t.call.youAloneText}</p>
    </div>
  );
}

function ownKind({ participants, you }: CallSnapshot): ParticipantKind {
  return participants.find(({ id }) => id === you)?.kind ?? "guest";
}

function useMedia(query: MediaQueryList): boolean {
  return useSyncExternalStore(
    (changed) => {
      query.addEventListener("change", changed);
      return () => query.removeEventListener("change", changed);
    },
    () => query.matches,
  );
}
