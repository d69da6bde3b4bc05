import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { t } from "../lib/i18n";
import { renderPage } from "../test-page";
import { errorBody, TestServer } from "../test-server";
import { SignIn } from "./SignIn";

const USER = { id: "usr_1", email: "ana@clinic.example", name: "Ana", role: "patient", specialty: "", availability: "offline" };
const SIGN_IN = "POST /api/v1/session";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.answer("GET /api/v1/session", { status: 401, body: errorBody("unauthenticated") });
});
afterEach(() => server.stop());

async function fill() {
  const user = userEvent.setup();
  await user.type(screen.getByLabelText(t.session.email), "ana@clinic.example");
  await user.type(screen.getByLabelText(t.session.password), "correct horse");
  return user;
}

describe("SignIn", () => {
  it("goes on to the page that asked for it", async () => {
    server.answer(SIGN_IN, { body: { user: USER, csrf_token: "t", must: [] } });
    renderPage(<SignIn />, "/signin?next=%2Fconsultations%2Fcon_1");
    const user = await fill();
    await user.click(screen.getByRole("button", { name: t.session.signIn }));
    expect(await screen.findByText("at /consultations/con_1")).toBeInTheDocument();
    expect(server.requests(SIGN_IN)[0]?.body).toEqual({ email: "ana@clinic.example", password: "correct horse" });
  });

  it("keeps the email, empties the password and takes the focus to the reason when refused", async () => {
    server.answer(SIGN_IN, { status: 401, body: errorBody("unauthenticated") });
    renderPage(<SignIn />, "/signin");
    const user = await fill();
    await user.click(screen.getByRole("button", { name: t.session.signIn }));
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent(t.errors.wrong_credentials.title);
    expect(alert).toHaveFocus();
    expect(screen.getByLabelText(t.session.email)).toHaveValue("ana@clinic.example");
    expect(screen.getByLabelText(t.session.password)).toHaveValue("");
  });

  it("sends nothing while a field is missing and says which", async () => {
    renderPage(<SignIn />, "/signin");
    const user = userEvent.setup();
    await user.type(screen.getByLabelText(t.session.email), "ana");
    await user.click(screen.getByRole("button", { name: t.session.signIn }));
    expect(await screen.findByText(t.session.emailWrong)).toBeInTheDocument();
    expect(screen.getByLabelText(t.session.password)).toBeInvalid();
    expect(server.requests(SIGN_IN)).toHaveLength(0);
  });

  it.each([
    ["account_exists", t.session.ssoErrors.account_exists],
    ["provider_down", t.session.ssoErrors.provider_down],
    ["constructor", t.session.ssoErrors.other],
    ["<b>", t.session.ssoErrors.other],
  ])("explains what single sign-on answered: %s", async (code, text) => {
    renderPage(<SignIn />, `/signin?error=${encodeURIComponent(code)}`);
    expect(await screen.findByRole("alert")).toHaveTextContent(text);
  });

  it("sends somebody who is signed in, and comes back from a provider too late, to the explanation", async () => {
    server.answer("GET /api/v1/session", { body: { user: USER, csrf_token: "t", must: [] } });
    renderPage(<SignIn />, "/signin?error=other");
    expect(await screen.findByText("at /settings/security")).toBeInTheDocument();
  });

  it("goes on with the second step that single sign-on leads to, and takes it out of the address", async () => {
    const step = "POST /api/v1/session/second-step";
    server.answer(step, { body: { user: USER, csrf_token: "t", must: [] } });
    renderPage(<SignIn />, "/signin#second-step.challenge_1-x.totp.recovery");
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.session.code), "123456");
    await user.click(screen.getByRole("button", { name: t.session.secondSubmit }));
    await waitFor(() => expect(server.requests(step)).toHaveLength(1));
    expect(server.requests(step)[0]?.body).toEqual({ challenge: "challenge_1-x", method: "totp", code: "123456" });
  });

  it("can start over from there", async () => {
    renderPage(<SignIn />, "/signin#second-step.challenge_1.passkey");
    await userEvent.setup().click(await screen.findByRole("button", { name: t.session.startOver }));
    expect(await screen.findByLabelText(t.session.password)).toBeInTheDocument();
  });

  it("tells an unreachable server from a wrong password", async () => {
    renderPage(<SignIn />, "/signin");
    const user = await fill();
    await waitFor(() => expect(server.seen).not.toHaveLength(0));
    await server.stop();
    await user.click(screen.getByRole("button", { name: t.session.signIn }));
    expect(await screen.findByText(t.errors.server_unreachable.title)).toBeInTheDocument();
    expect(screen.getByLabelText(t.session.password)).toHaveValue("correct horse");
  });
});
