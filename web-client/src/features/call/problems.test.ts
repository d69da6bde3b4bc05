import { describe, expect, it } from "vitest";

import { t } from "../../lib/i18n";
import { problemText } from "./problems";

describe("problemText", () => {
  it.each([
    ["permission_denied", t.errors.camera_denied, t.errors.microphone_denied],
    ["not_found", t.errors.no_camera, t.errors.no_microphone],
    ["unsupported", t.errors.no_camera, t.errors.no_microphone],
    ["in_use", t.errors.camera_in_use, t.errors.microphone_in_use],
    ["disconnected", t.call.deviceLost.camera, t.call.deviceLost.microphone],
    ["silenced_by_system", t.call.deviceSilenced.camera, t.call.deviceSilenced.microphone],
    ["insecure_page", t.errors.devices_unsupported, t.errors.devices_unsupported],
    ["unknown", t.errors.unexpected, t.errors.unexpected],
  ] as const)("%s", (problem, camera, microphone) => {
    expect(problemText("camera", problem)).toBe(camera);
    expect(problemText("microphone", problem)).toBe(microphone);
  });

  it("has one reason for a screen that cannot be shared", () => {
    expect(problemText("screen", "in_use")).toBe(t.errors.screen_share_denied);
  });
});
