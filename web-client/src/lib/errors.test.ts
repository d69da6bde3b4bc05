import { describe, expect, it } from "vitest";

import type { SignalError } from "../api/messages";
import type { ErrorCode as ApiCode } from "../api/schema";
import { codeOf, ERROR_CODES, errorCode, type ErrorCode } from "./errors";
import { t } from "./i18n";

// Every code that the server can send has a sentence: a new one in Rust stops the type check here.
const fromServer: (code: ApiCode | SignalError) => ErrorCode = (code) => code;

describe("errors", () => {
  it.each(ERROR_CODES)("%s says what happened, what is safe and what to do", (code) => {
    const { title, safe, action } = t.errors[code];
    expect(title).not.toMatch(/^$|\.$/);
    expect(safe).toMatch(/\.$/);
    expect(action).toMatch(/\.$/);
  });

  it("knows the server's codes and takes every other as unexpected", () => {
    expect(errorCode(fromServer("room_full"))).toBe("room_full");
    expect(errorCode("constructor")).toBe("unexpected");
    expect(codeOf(new Error("no code"))).toBe("unexpected");
    expect(codeOf(Object.assign(new Error("refused"), { code: "conflict" }))).toBe("conflict");
    expect(codeOf(null)).toBe("unexpected");
  });
});
