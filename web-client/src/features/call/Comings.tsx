import { useEffect, useRef, useState } from "react";

import type { ParticipantView } from "../../api/messages";
import { t } from "../../lib/i18n";
import { comings } from "./people";

const SHOWN_FOR_MS = 4_000;

/** Says for a moment who came and who went, on screen and aloud. */
export function Comings({ participants, you }: { participants: readonly ParticipantView[]; you: string | null }) {
  const before = useRef<readonly ParticipantView[] | null>(null);
  const [news, setNews] = useState("");
  useEffect(() => {
    // The first list is who was there already.
    if (before.current !== null) {
      const { joined, left } = comings(before.current, participants);
      const said = [...joined.map(({ name }) => t.call.joined(name)), ...left.map(({ name }) => t.call.left(name))];
      if (said.length > 0) setNews(said.join(". "));
    }
    before.current = you === null ? null : participants;
  }, [participants, you]);
  useEffect(() => {
    if (news === "") return undefined;
    const timer = setTimeout(() => setNews(""), SHOWN_FOR_MS);
    return () => clearTimeout(timer);
  }, [news]);
  return (
    <p role="status" className="pointer-events-none absolute inset-x-4 top-14 z-20 flex sm:justify-center">
      {news !== "" && (
        <span className="h-fit animate-rise rounded-full bg-surface px-4 py-1.5 font-semibold shadow-soft">{news}</span>
      )}
    </p>
  );
}
