import type { PasswordRulesView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { line, z } from "../../lib/validation";
import { rulesFor } from "./password";

/** Checks shared by the forms about accounts. */

export const email = z
  .string()
  .check(z.trim(), z.minLength(1, { error: t.session.emailMissing, abort: true }), z.email(t.session.emailWrong));

export const personName = line(t.account.nameMissing, 80, t.account.nameLong);

export const specialty = line(t.account.specialtyMissing, 60, t.account.specialtyLong);

/** Without rules (not loaded yet) anything but nothing: the server checks in any case. */
export function newPassword(rules: PasswordRulesView | undefined) {
  return z.string().check(
    z.minLength(1, { error: t.session.passwordMissing, abort: true }),
    z.refine((password: string) => !rules || rulesFor(rules, password).every(({ met }) => met), t.account.newPasswordWrong),
  );
}
