import { describe, expect, it } from "vitest";

import { t } from "../../lib/i18n";
import { filterOf, queryOf, sentenceOf } from "./auditFilter";

const NOW = new Date(2026, 2, 10, 14).getTime();
const DAY = 24 * 60 * 60_000;
const filter = (search: string) => filterOf(new URLSearchParams(search));

describe("the audit filter", () => {
  it("shows the last week unless told otherwise", () => {
    expect(queryOf(filter(""), NOW)).toBe(`from=${NOW - 7 * DAY}`);
    expect(queryOf(filter("period=all"), NOW)).toBe("");
    expect(queryOf(filter("period=nonsense"), NOW)).toBe(`from=${NOW - 7 * DAY}`);
  });

  it("hands on who, whose, what, how and why", () => {
    const query = "actor=usr_a&patient=usr_p&action=transcript.read&outcome=denied&purpose=TREAT";
    expect(queryOf(filter(`period=all&${query}`), NOW)).toBe(query);
  });

  it("includes the whole last day", () => {
    const query = new URLSearchParams(queryOf(filter("period=days&from=2026-03-09&to=2026-03-10"), NOW));
    expect(Number(query.get("from"))).toBe(new Date(2026, 2, 9).getTime());
    expect(Number(query.get("to"))).toBe(new Date(2026, 2, 11).getTime());
  });

  it("reads as a sentence", () => {
    const name = (id: string) => ({ usr_a: "Dr. Lee", usr_p: "Ana" })[id] ?? id;
    expect(sentenceOf(filter(""), name)).toBe("Everything by anyone, about anyone's data, in the last 7 days.");
    expect(sentenceOf(filter("action=transcript.read&outcome=denied&actor=usr_a&patient=usr_p&purpose=TREAT&period=all"), name)).toBe(
      `Read a transcript that was refused by Dr. Lee, about the data of Ana, for treatment, ${t.trail.periods.all}.`,
    );
  });
});
