import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { t } from "../lib/i18n";
import { renderPage } from "../test-page";
import { errorBody, TestServer } from "../test-server";
import { Guest } from "./Guest";

const ENTER = "POST /api/v1/session/guest";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.stop());

describe("Guest", () => {
  it("takes the secret out of the address bar at once and hands it over in the body", async () => {
    const user = { id: "usr_g", email: "", name: "Robin", role: "guest", specialty: "", availability: "offline" };
    server.answer(ENTER, { body: { session: { user, csrf_token: "t", must: [] }, consultation_id: "con_7" } });
    renderPage(<Guest />, "/guest#the-secret");
    await waitFor(() => expect(window.location.href).not.toContain("the-secret"));
    const keys = userEvent.setup();
    await keys.type(screen.getByLabelText(t.session.guestName), "  Robin ");
    await keys.click(screen.getByRole("button", { name: t.session.guestJoin }));
    expect(await screen.findByText("at /consultations/con_7/lobby")).toBeInTheDocument();
    expect(server.requests(ENTER)[0]?.body).toEqual({ secret: "the-secret", name: "Robin" });
  });

  it("says what to do when the invitation was used", async () => {
    server.answer(ENTER, { status: 401, body: errorBody("unauthenticated") });
    renderPage(<Guest />, "/guest#used");
    const keys = userEvent.setup();
    await keys.type(screen.getByLabelText(t.session.guestName), "Robin");
    await keys.click(screen.getByRole("button", { name: t.session.guestJoin }));
    expect(await screen.findByRole("alert")).toHaveTextContent(t.errors.invite_used.action);
    expect(screen.getByLabelText(t.session.guestName)).toHaveValue("Robin");
  });

  it("explains a link without a secret", () => {
    renderPage(<Guest />, "/guest");
    expect(screen.getByText(t.session.guestNoSecretText)).toBeInTheDocument();
  });
});
