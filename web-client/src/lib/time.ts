import { locale, t } from "./i18n";

/** Milliseconds since the Unix epoch. */
type Timestamp = number;

const CLOCK = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const DAY_AND_YEAR = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const FULL_DAY = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const RELATIVE = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

const MINUTE = 60_000;
const DAY_MS = 24 * 60 * MINUTE;

/** "14:05" */
export function clockTime(at: Timestamp): string {
  return CLOCK.format(at);
}

/** "today", "yesterday", "Monday 3 March" or, in another year, "3 March 2025". */
export function day(at: Timestamp, now: Timestamp): string {
  const days = Math.round((startOfDay(at) - startOfDay(now)) / DAY_MS);
  if (days === 0 || days === -1) return RELATIVE.format(days, "day");
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? DAY : DAY_AND_YEAR).format(at);
}

/** "Monday 3 March". */
export function longDay(at: Timestamp): string {
  return DAY.format(at);
}

/** "Monday 3 March 2025". */
export function fullDay(at: Timestamp): string {
  return FULL_DAY.format(at);
}

/** "3 March 2025". */
export function dayAndYear(at: Timestamp): string {
  return DAY_AND_YEAR.format(at);
}

/** "less than a minute", "12 min", "1 hr 5 min". */
export function duration(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / MINUTE);
  if (minutes < 1) return t.ui.underAMinute;
  const unit = (value: number, name: "hour" | "minute") =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "short" }).format(value);
  if (minutes < 60) return unit(minutes, "minute");
  const rest = minutes % 60;
  return rest === 0 ? unit(minutes / 60, "hour") : `${unit(Math.floor(minutes / 60), "hour")} ${unit(rest, "minute")}`;
}

/** A place in a recording: "03:07", "1:02:09". */
export function position(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

export function isSameDay(a: Timestamp, b: Timestamp): boolean {
  return startOfDay(a) === startOfDay(b);
}

function startOfDay(at: Timestamp): Timestamp {
  return new Date(at).setHours(0, 0, 0, 0);
}
