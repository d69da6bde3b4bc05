import { expect, it } from "vitest";

import { t } from "../../lib/i18n";
import { rulesFor } from "./password";

const ALL = { min_chars: 8, upper: true, lower: true, digit: true, special: true };
const { minChars, upper, lower, digit, special } = t.account.rules;

it.each([
  ["", [minChars(8), upper, lower, digit, special]],
  ["ABCDEFGH", [lower, digit, special]],
  ["abcdefg1", [upper, special]],
  ["Abcdef1!", []],
  ["Ärger 1!", []],
  ["Ab1!😀😀", [minChars(8)]],
])("%s misses %j", (password, missing) => {
  expect(rulesFor(ALL, password).filter((rule) => !rule.met).map((rule) => rule.text)).toEqual(missing);
});

it("names only the rules that the clinic has", () => {
  const rules = rulesFor({ min_chars: 12, upper: false, lower: false, digit: false, special: false }, "");
  expect(rules).toEqual([{ text: minChars(12), met: false }]);
});
