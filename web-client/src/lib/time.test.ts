import { describe, expect, it } from "vitest";

import { t } from "./i18n";
import { day, duration, isSameDay, position } from "./time";

const NOW = new Date(2026, 2, 10, 14, 0).getTime();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("day", () => {
  it("names today and yesterday by the calendar, not by 24 hours", () => {
    expect(day(new Date(2026, 2, 10, 0, 1).getTime(), NOW)).toBe("today");
    expect(day(new Date(2026, 2, 9, 23, 59).getTime(), NOW)).toBe("yesterday");
  });

  it("gives the year only when it is another one", () => {
    expect(day(new Date(2026, 0, 5).getTime(), NOW)).toContain("January");
    expect(day(new Date(2026, 0, 5).getTime(), NOW)).not.toContain("2026");
    expect(day(new Date(2025, 0, 5).getTime(), NOW)).toContain("2025");
  });
});

it("duration says minutes below an hour, then both", () => {
  expect(duration(59_999)).toBe(t.ui.underAMinute);
  expect(duration(-1)).toBe(t.ui.underAMinute);
  expect(duration(12 * MINUTE)).toBe("12 min");
  expect(duration(HOUR)).toBe("1 hr");
  expect(duration(HOUR + 5 * MINUTE)).toBe("1 hr 5 min");
});

it("position counts from the start of a recording", () => {
  expect(position(187_900)).toBe("03:07");
  expect(position(3_729_000)).toBe("1:02:09");
  expect(position(-1)).toBe("00:00");
});

it("isSameDay ends at midnight", () => {
  expect(isSameDay(NOW, new Date(2026, 2, 10, 23, 59).getTime())).toBe(true);
  expect(isSameDay(NOW, new Date(2026, 2, 11, 0, 0).getTime())).toBe(false);
});
