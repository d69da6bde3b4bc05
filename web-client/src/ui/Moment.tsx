import { useNow } from "../lib/hooks";
import { clockTime, day } from "../lib/time";

/** "today, 14:05" */
export function Moment({ at, className }: { at: number; className?: string }) {
  const now = useNow(60_000);
  return (
    <time dateTime={new Date(at).toISOString()} className={className}>
      {day(at, now)}, {clockTime(at)}
    </time>
  );
}
