/** What is wrong with a camera, microphone or screen, as sentences. */

import type { TrackSource } from "../../api/messages";
import type { ErrorCode, ErrorText } from "../../lib/errors";
import { t } from "../../lib/i18n";
import type { DeviceProblem } from "../../rtc/devices";

const DENIED: Record<TrackSource, ErrorCode> = {
  camera: "camera_denied",
  microphone: "microphone_denied",
  screen: "screen_share_denied",
};

/** The text for one source. A screen that cannot be shared has one reason only, as far as browsers tell. */
export function problemText(source: TrackSource, problem: DeviceProblem): ErrorText {
  if (problem === "insecure_page") return t.errors.devices_unsupported;
  if (problem === "permission_denied" || source === "screen") return t.errors[DENIED[source]];
  switch (problem) {
    case "in_use":
      return t.errors[source === "camera" ? "camera_in_use" : "microphone_in_use"];
    case "not_found":
    case "unsupported":
      return t.errors[source === "camera" ? "no_camera" : "no_microphone"];
    case "disconnected":
      return t.call.deviceLost[source];
    case "silenced_by_system":
      return t.call.deviceSilenced[source];
    default:
      return t.errors.unexpected;
  }
}
