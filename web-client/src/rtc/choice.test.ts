import { beforeEach, describe, expect, it } from "vitest";

import { FIRST_CHOICE, loadChoice, saveChoice } from "./choice";

beforeEach(() => sessionStorage.clear());

describe("choice", () => {
  it("survives a reload, for its consultation only", () => {
    const choice = { ...FIRST_CHOICE, camera: { deviceId: "cam", on: false }, captions: true };
    saveChoice("con_1", choice);
    expect(loadChoice("con_1")).toEqual(choice);
    expect(loadChoice("con_2")).toBeNull();
  });

  it("asks again when what was kept makes no sense", () => {
    sessionStorage.setItem("auscult.choice.con_1", '{"microphone":true}');
    expect(loadChoice("con_1")).toBeNull();
    sessionStorage.setItem("auscult.choice.con_1", "{");
    expect(loadChoice("con_1")).toBeNull();
  });
});
