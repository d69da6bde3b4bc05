import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { t } from "../../lib/i18n";
import { SignIn } from "../../pages/SignIn";
import { renderPage } from "../../test-page";
import { errorBody, TestServer } from "../../test-server";

const USER = { id: "usr_1", email: "ana@clinic.example", name: "Ana", role: "patient", specialty: "", availability: "offline" };
const SIGN_IN = "POST /api/v1/session";
const SECOND = "POST /api/v1/session/second-step";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.answer("GET /api/v1/session", { status: 401, body: errorBody("unauthenticated") });
});
afterEach(() => server.stop());

async function passwordAccepted(methods: string[]) {
  server.answer(SIGN_IN, { status: 202, body: { challenge: "ch_1", methods } });
  renderPage(<SignIn />, "/signin");
  const user = userEvent.setup();
  await user.type(screen.getByLabelText(t.session.email), "ana@clinic.example");
  await user.type(screen.getByLabelText(t.session.password), "correct horse{Enter}");
  return user;
}

describe("the second step", () => {
  it("takes a code as the app shows it, in two groups", async () => {
    const user = await passwordAccepted(["totp", "recovery"]);
    server.answer(SECOND, { body: { user: USER, csrf_token: "t", must: [] } });
    await user.type(await screen.findByLabelText(t.session.code), "123 456{Enter}");
    expect(await screen.findByText("at /")).toBeInTheDocument();
    expect(server.requests(SECOND)[0]?.body).toEqual({ challenge: "ch_1", method: "totp", code: "123456" });
  });

  it("takes a recovery code when the app is lost", async () => {
    const user = await passwordAccepted(["totp", "recovery"]);
    server.answer(SECOND, { body: { user: USER, csrf_token: "t", must: [] } });
    await user.click(await screen.findByRole("button", { name: t.session.toRecovery }));
    await user.type(screen.getByLabelText(t.session.recovery), "abcd-efgh{Enter}");
    expect(await screen.findByText("at /")).toBeInTheDocument();
    expect(server.requests(SECOND)[0]?.body).toEqual({ challenge: "ch_1", method: "recovery", code: "abcd-efgh" });
  });

  it("says that a code is wrong and lets the person start over", async () => {
    const user = await passwordAccepted(["totp"]);
    server.answer(SECOND, { status: 401, body: errorBody("unauthenticated") });
    await user.type(await screen.findByLabelText(t.session.code), "000000{Enter}");
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent(t.errors.wrong_code.title);
    expect(alert).toHaveFocus();
    await user.click(screen.getByRole("button", { name: t.session.startOver }));
    expect(screen.getByLabelText(t.session.email)).toBeInTheDocument();
  });

  it("asks for an own password when the first one came from the clinic", async () => {
    server.answer("GET /api/v1/registrations/policy", {
      body: { registration: false, mail: false, providers: [], password: { min_chars: 12, upper: false, lower: false, digit: false, special: false } },
    });
    const user = await passwordAccepted(["new_password"]);
    server.answer("POST /api/v1/session/password", { body: { user: USER, csrf_token: "t", must: [] } });
    const field = await screen.findByLabelText(t.account.newPasswordAgain);
    await user.type(field, "too short{Enter}");
    expect(await screen.findByRole("alert")).toHaveTextContent(t.account.newPasswordWrong);
    await user.clear(field);
    await user.type(field, "long enough words{Enter}");
    expect(await screen.findByText("at /")).toBeInTheDocument();
    expect(server.requests("POST /api/v1/session/password")[0]?.body).toEqual({ challenge: "ch_1", password: "long enough words" });
  });
});
