import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { ConfirmIdentity } from "../../features/account/ConfirmIdentity";
import { RequireSession } from "../../features/session/RequireSession";
import { t } from "../../lib/i18n";
import { renderPage } from "../../test-page";
import { errorBody, TestServer } from "../../test-server";
import { Security } from "./Security";

const USER = { id: "usr_1", email: "ana@clinic.example", name: "Ana", role: "patient", specialty: "", availability: "offline" };
const ACCOUNT = {
  user: USER,
  email_verified: true,
  approved: true,
  has_picture: false,
  has_password: true,
  totp: false,
  passkeys: 0,
  recovery_codes_left: 0,
  password_changed_at: null,
};
const START = "POST /api/v1/account/totp";
const CONFIRM = "POST /api/v1/session/confirm";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.answer("GET /api/v1/session", { body: { user: USER, csrf_token: "t", must: [] } });
  server.answer("GET /api/v1/account", { body: ACCOUNT });
  server.answer("GET /api/v1/account/passkeys", { body: [] });
  server.answer("GET /api/v1/account/providers", { body: [] });
  server.answer("GET /api/v1/account/sessions", { body: [] });
});
afterEach(() => server.stop());

function open(address = "/") {
  const page = (
    <>
      <Security />
      <ConfirmIdentity />
    </>
  );
  renderPage(<RequireSession />, address, page);
  return userEvent.setup();
}

describe("Security", () => {
  it("asks whether it is you, then sets the authenticator app up and shows the codes", async () => {
    server.answer(START, { status: 403, body: errorBody("reauthenticate") });
    server.answer(CONFIRM, { status: 204, body: "" });
    const user = open();
    await user.click(await screen.findByRole("button", { name: t.settings.totpStart }));

    const dialog = await screen.findByRole("dialog", { name: t.settings.confirmTitle });
    await user.type(within(dialog).getByLabelText(t.settings.confirmPassword), "correct horse");
    server.answer(START, { body: { secret: "JBSWY3DP", otpauth_url: "otpauth://totp/x", qr_svg: "<svg/>" } });
    await user.click(within(dialog).getByRole("button", { name: t.settings.confirm }));
    expect(server.requests(CONFIRM)[0]?.body).toEqual({ password: "correct horse" });

    expect(await screen.findByText("JBSWY3DP")).toBeInTheDocument();
    server.answer("POST /api/v1/account/totp/confirm", { body: { recovery_codes: ["aaaa-1111", "bbbb-2222"] } });
    server.answer("GET /api/v1/account", { body: { ...ACCOUNT, totp: true, recovery_codes_left: 2 } });
    await user.type(screen.getByLabelText(t.session.code), "123456{Enter}");
    expect(await screen.findByText("bbbb-2222")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: t.settings.recoveryKept }));
    expect(screen.queryByText("bbbb-2222")).not.toBeInTheDocument();
    expect(await screen.findByText(t.settings.recoveryLeft(2))).toBeInTheDocument();
  });

  it("says that the confirming password is wrong and changes nothing when the person gives up", async () => {
    server.answer(START, { status: 403, body: errorBody("reauthenticate") });
    server.answer(CONFIRM, { status: 422, body: errorBody("invalid_input", { password: "is not right" }) });
    const user = open();
    await user.click(await screen.findByRole("button", { name: t.settings.totpStart }));
    const dialog = await screen.findByRole("dialog", { name: t.settings.confirmTitle });
    await user.type(within(dialog).getByLabelText(t.settings.confirmPassword), "wrong{Enter}");
    expect(await within(dialog).findByRole("alert")).toHaveTextContent(t.errors.wrong_password.title);
    await user.click(within(dialog).getByRole("button", { name: t.settings.cancel }));
    expect(await screen.findByText(t.errors.reauthenticate.title, { exact: false })).toBeInTheDocument();
    expect(server.requests(START)).toHaveLength(1);
  });

  it("offers a provider alone to somebody who has no password, and says so when it cannot be reached", async () => {
    server.answer("GET /api/v1/account", { body: { ...ACCOUNT, has_password: false } });
    server.answer("GET /api/v1/account/providers", { body: [{ id: "hospital", name: "Hospital account", linked_at: 0 }] });
    server.answer(START, { status: 403, body: errorBody("reauthenticate") });
    server.answer("POST /api/v1/oidc/hospital/confirm", { status: 503, body: errorBody("unavailable") });
    const user = open();
    await user.click(await screen.findByRole("button", { name: t.settings.totpStart }));
    const dialog = await screen.findByRole("dialog", { name: t.settings.confirmTitle });
    await user.click(await within(dialog).findByRole("button", { name: t.settings.confirmElsewhere("Hospital account") }));
    expect(await within(dialog).findByRole("alert")).toHaveTextContent(t.errors.unavailable.title);
    expect(within(dialog).queryByLabelText(t.settings.confirmPassword)).not.toBeInTheDocument();
    expect(screen.queryByRole("heading", { name: t.settings.passwordTitle })).not.toBeInTheDocument();
    await user.click(within(dialog).getByRole("button", { name: t.settings.cancel }));
    expect(await screen.findByText(t.errors.reauthenticate.title, { exact: false })).toBeInTheDocument();
  });

  it.each([
    ["cancelled", t.settings.confirmRefusals.cancelled],
    ["provider_down", t.settings.confirmRefusals.provider_down],
    ["constructor", t.settings.confirmRefusals.other],
    ["<b>", t.settings.confirmRefusals.other],
  ])("explains why a provider did not prove who it is: %s", async (code, text) => {
    open(`/?error=${encodeURIComponent(code)}`);
    expect(await screen.findByRole("alert")).toHaveTextContent(text);
  });

  it("leads back to the page that was left for a provider, once", async () => {
    sessionStorage.setItem("auscult.confirm.left-from", "/admin/users?role=doctor");
    open();
    expect(await screen.findByText("at /admin/users")).toBeInTheDocument();
    expect(sessionStorage.getItem("auscult.confirm.left-from")).toBeNull();
  });

  it("logs out everywhere only after asking", async () => {
    server.answer("DELETE /api/v1/account/sessions", { status: 204, body: "" });
    const user = open();
    await user.click(await screen.findByRole("button", { name: t.settings.devicesEndAll }));
    expect(server.requests("DELETE /api/v1/account/sessions")).toHaveLength(0);
    const dialog = screen.getByRole("dialog", { name: t.settings.devicesEndAllTitle });
    await user.click(within(dialog).getByRole("button", { name: t.settings.devicesEndAll }));
    await waitFor(() => expect(server.requests("DELETE /api/v1/account/sessions")).toHaveLength(1));
    expect(await screen.findByText("at /signin")).toBeInTheDocument();
  });
});
