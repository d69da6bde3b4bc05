import { expect, it } from "vitest";

import { initials } from "./Avatar";

it.each([
  ["Ana Marković", "AM"],
  ["Dr. Miriam Feld", "MF"],
  ["Prof Ada van der Berg", "AB"],
  ["Plato", "P"],
  ["åsa öberg", "ÅÖ"],
  ["", ""],
])("initials of %s are %s", (name, expected) => {
  expect(initials(name)).toBe(expected);
});
