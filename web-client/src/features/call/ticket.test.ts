import { describe, expect, it } from "vitest";

import { ApiError } from "../../api/client";
import type { ErrorCode } from "../../lib/errors";
import { refusal } from "./ticket";

const answer = (code: ErrorCode, status: number): ApiError => new ApiError(code, "", status);

describe("refusal", () => {
  it.each([
    ["unauthenticated", 401, "unauthenticated"],
    ["not_found", 404, "not_found"],
    ["wrong_state", 409, "consultation_not_active"],
    ["forbidden", 403, "not_granted"],
  ] as const)("ends the call on %s", (code, status, failure) => {
    expect(refusal(answer(code, status))).toBe(failure);
  });

  it.each([
    ["server_unreachable", 0],
    ["unavailable", 503],
    ["too_many_requests", 429],
    ["internal", 500],
  ] as const)("tries again after %s", (code, status) => {
    expect(refusal(answer(code, status))).toBeNull();
  });
});
