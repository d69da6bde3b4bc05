import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { t } from "../lib/i18n";
import { renderPage } from "../test-page";
import { errorBody, TestServer } from "../test-server";
import { SignUp } from "./SignUp";

const REGISTER = "POST /api/v1/registrations";
const POLICY = {
  registration: true,
  mail: true,
  providers: [],
  password: { min_chars: 12, upper: false, lower: false, digit: true, special: false },
};

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.answer("GET /api/v1/registrations/policy", { body: POLICY });
});
afterEach(() => server.stop());

async function fill(password: string) {
  renderPage(<SignUp />, "/sign-up");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("radio", { name: new RegExp(t.account.roles.doctor.title) }));
  await user.type(screen.getByLabelText(t.account.name), "Dr. Lee");
  await user.type(screen.getByLabelText(t.account.specialty), "Dermatology");
  await user.type(screen.getByLabelText(t.session.email), "lee@clinic.example");
  await user.type(screen.getByLabelText(t.account.newPassword), password);
  return user;
}

describe("SignUp", () => {
  it("sends a doctor's application and then says to look into the mail", async () => {
    server.answer(REGISTER, { status: 201, body: { next: "verify_email" } });
    const user = await fill("plain words 7");
    await user.click(screen.getByRole("button", { name: t.account.signUp }));
    expect(await screen.findByText("at /check-mail")).toBeInTheDocument();
    expect(server.requests(REGISTER)[0]?.body).toEqual({
      role: "doctor",
      name: "Dr. Lee",
      specialty: "Dermatology",
      email: "lee@clinic.example",
      password: "plain words 7",
    });
  });

  it("ticks the clinic's rules off while the password is typed", async () => {
    await fill("plain words");
    const digit = screen.getByText(t.account.rules.digit);
    expect(digit).toHaveTextContent(t.account.ruleOpen);
    await userEvent.setup().type(screen.getByLabelText(t.account.newPassword), " 7");
    expect(digit).toHaveTextContent(t.account.ruleMet);
  });

  it("names everything that is wrong in a summary that leads to the fields", async () => {
    renderPage(<SignUp />, "/sign-up");
    const user = userEvent.setup();
    await user.click(await screen.findByRole("button", { name: t.account.signUp }));
    expect(await screen.findByRole("alert")).toHaveFocus();
    await user.click(screen.getByRole("link", { name: t.session.emailMissing }));
    expect(screen.getByLabelText(t.session.email)).toHaveFocus();
    expect(server.requests(REGISTER)).toHaveLength(0);
  });

  it("puts what the server refuses beside its field", async () => {
    server.answer(REGISTER, { status: 422, body: errorBody("invalid_input", { password: "is one of the first that somebody would try" }) });
    const user = await fill("plain words 7");
    await user.click(screen.getByRole("button", { name: t.account.signUp }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Is one of the first that somebody would try");
    expect(screen.getByLabelText(t.account.newPassword)).toBeInvalid();
  });

  it("says so where the clinic makes accounts itself", async () => {
    server.answer("GET /api/v1/registrations/policy", { body: { ...POLICY, registration: false } });
    renderPage(<SignUp />, "/sign-up");
    expect(await screen.findByText(t.account.signUpClosedTitle)).toBeInTheDocument();
  });
});
