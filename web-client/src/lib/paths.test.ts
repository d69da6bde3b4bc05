import { expect, it } from "vitest";

import { ownPath } from "./paths";

it.each([
  ["/consultations/con_1", "/consultations/con_1"],
  [null, "/"],
  ["https://elsewhere.example/", "/"],
  ["//elsewhere.example/", "/"],
  ["/\\elsewhere.example/", "/"],
  ["javascript:alert(1)", "/"],
])("ownPath(%s) is %s", (next, path) => {
  expect(ownPath(next)).toBe(path);
});
