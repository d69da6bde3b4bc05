import type { PasswordRulesView } from "../../api/schema";
import { t } from "../../lib/i18n";

/** One rule of the clinic and whether this password keeps it. */
export interface Rule {
  text: string;
  met: boolean;
}

/** The clinic's rules as the server checks them: characters are Unicode scalar values. */
export function rulesFor(rules: PasswordRulesView, password: string): Rule[] {
  const words = t.account.rules;
  const all: (Rule & { asked: boolean })[] = [
    { asked: true, text: words.minChars(rules.min_chars), met: Array.from(password).length >= rules.min_chars },
    { asked: rules.upper, text: words.upper, met: /\p{Lu}/u.test(password) },
    { asked: rules.lower, text: words.lower, met: /\p{Ll}/u.test(password) },
    { asked: rules.digit, text: words.digit, met: /\p{Nd}/u.test(password) },
    { asked: rules.special, text: words.special, met: /[^\p{L}\p{N}\s]/u.test(password) },
  ];
  return all.filter(({ asked }) => asked).map(({ text, met }) => ({ text, met }));
}
