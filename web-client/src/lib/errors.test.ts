import { describe, expect, it } from "vitest";

import type { SignalError } from "../api/messages";
import type { ErrorCode as ApiCode } from "../api/schema";
import { codeOf, ERROR_CODES, errorCode, type ErrorCode, mediaErrorCode } from "./errors";
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

describe("mediaErrorCode", () => {
  it.each([
    ["NotAllowedError", "camera_denied", "microphone_denied"],
    ["NotFoundError", "no_camera", "no_microphone"],
    ["OverconstrainedError", "no_camera", "no_microphone"],
    ["NotReadableError", "camera_in_use", "microphone_in_use"],
    ["TypeError", "devices_unsupported", "devices_unsupported"],
    ["SomethingNew", "unexpected", "unexpected"],
  ])("%s", (name, camera, microphone) => {
    const error = Object.assign(new Error("from the browser"), { name });
    expect(mediaErrorCode(error, "camera")).toBe(camera);
    expect(mediaErrorCode(error, "microphone")).toBe(microphone);
  });
});
