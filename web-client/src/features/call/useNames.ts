import { useState } from "react";

import type { ParticipantView } from "../../api/messages";

/** Names by participant id, also of people who have left: their captions are still on screen. */
export function useNames(participants: readonly ParticipantView[]): ReadonlyMap<string, string> {
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  if (participants.some(({ id, name }) => names.get(id) !== name)) {
    setNames(new Map([...names, ...participants.map(({ id, name }) => [id, name] as const)]));
  }
  return names;
}
