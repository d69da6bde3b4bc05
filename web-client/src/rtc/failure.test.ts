import { describe, expect, it } from "vitest";

import { socketEnd } from "./failure";

const final = (end: ReturnType<typeof socketEnd>): string | null =>
  end.kind !== "final" ? null : end.outcome.kind === "ended" ? end.outcome.why : end.outcome.code;

describe("socketEnd", () => {
  it.each([
    [4403, "not_granted"],
    [4409, "replaced"],
    [4410, "ended"],
    [4411, "consultation_not_active"],
  ])("stops for good at %i", (code, outcome) => {
    expect(final(socketEnd(code, null))).toBe(outcome);
  });

  it("believes the error that came before the close", () => {
    expect(final(socketEnd(4400, "version_mismatch"))).toBe("version_mismatch");
    expect(final(socketEnd(4403, "room_full"))).toBe("room_full");
  });

  it("comes back after a lost connection or a restart of the server", () => {
    expect(socketEnd(1006, null).kind).toBe("retry");
    expect(socketEnd(1001, null).kind).toBe("retry");
    expect(socketEnd(1006, "too_many_messages").kind).toBe("retry");
  });

  it("tries refused tickets and violations again, but counts them", () => {
    expect(socketEnd(4401, "ticket_refused").kind).toBe("suspect");
    expect(socketEnd(4400, "malformed_message").kind).toBe("suspect");
    expect(socketEnd(4400, null).kind).toBe("suspect");
  });
});
