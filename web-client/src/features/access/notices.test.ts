import { expect, it } from "vitest";

import { t } from "../../lib/i18n";
import { noticePlace, noticeText } from "./notices";

const notice = (kind: string, subject = "") => ({ id: "ntc_1", kind, subject, created_at: 0, seen_at: null });

it.each([
  ["break_glass_opened", "", "patient", "/settings/privacy"],
  ["break_glass_opened", "", "admin", "/admin/emergency-access"],
  ["verification_submitted", "", "admin", "/admin/verifications"],
  ["verification_approved", "", "doctor", "/application"],
  ["consultation_assigned", "con_1", "doctor", "/consultations/con_1"],
  ["consultation_moved", "con_1", "doctor", null],
  ["break_glass_reviewed", "bgl_1", "doctor", null],
  ["token_reused", "ses_1", "patient", "/settings/security"],
  ["passkey_copied", "pky_1", "doctor", "/settings/security"],
  ["oidc_linked", "hospital", "patient", "/settings/security"],
])("a notice of %s about %s leads a %s's owner to %s", (kind, subject, role, place) => {
  expect(noticePlace(notice(kind, subject), role)).toBe(place);
});

it("a kind without words still says something", () => {
  expect(noticeText(notice("constructor"))).toBe(t.access.noticeOther);
  expect(noticeText(notice("verification_approved"))).toBe(t.access.noticeKinds.verification_approved);
});
