import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { t } from "../../lib/i18n";
import { renderPage } from "../../test-page";
import { errorBody, TestServer } from "../../test-server";
import { RequestForm } from "./RequestForm";

const ASK = "POST /api/v1/consultations";
const DOCTORS = [
  { id: "usr_1", name: "Dr. A", specialty: "Neurology", availability: "online" },
  { id: "usr_2", name: "Dr. B", specialty: "Neurology", availability: "busy" },
  { id: "usr_3", name: "Dr. C", specialty: "", availability: "offline" },
];

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.answer("GET /api/v1/doctors", { body: DOCTORS });
});
afterEach(() => server.stop());

describe("RequestForm", () => {
  it("offers each field once and says how many doctors are online", async () => {
    renderPage(<RequestForm />, "/");
    await screen.findByText(t.consultation.onlineNow(1));
    const options = screen.getAllByRole("option").map((option) => option.textContent);
    expect(options).toEqual([t.consultation.specialtyAny, "Neurology"]);
  });

  it("sends the trimmed reason once, however often the button is pressed", async () => {
    server.answer(ASK, { status: 201, body: { id: "con_1" } });
    renderPage(<RequestForm />, "/");
    const user = userEvent.setup();
    await user.selectOptions(screen.getByLabelText(t.consultation.specialty), await screen.findByText("Neurology"));
    await user.type(screen.getByLabelText(t.consultation.reason), "  My knee hurts ");
    const button = screen.getByRole("button", { name: t.consultation.request });
    // The second press comes before anything could be shown of the first.
    act(() => {
      button.click();
      button.click();
    });
    await waitFor(() => expect(server.requests(ASK)).toHaveLength(1));
    await user.dblClick(button);
    expect(server.requests(ASK)).toHaveLength(1);
    expect(server.requests(ASK)[0]?.body).toEqual({ specialty: "Neurology", reason: "My knee hurts" });
  });

  it("keeps what was typed when the server refuses, and says why", async () => {
    server.answer(ASK, { status: 409, body: errorBody("conflict") });
    renderPage(<RequestForm />, "/");
    const user = userEvent.setup();
    await user.type(screen.getByLabelText(t.consultation.reason), "My knee hurts");
    await user.click(screen.getByRole("button", { name: t.consultation.request }));
    expect(await screen.findByRole("alert")).toHaveTextContent(t.errors.conflict.title);
    expect(screen.getByLabelText(t.consultation.reason)).toHaveValue("My knee hurts");
  });

  it("asks for a few words before it sends anything", async () => {
    renderPage(<RequestForm />, "/");
    const user = userEvent.setup();
    await user.type(screen.getByLabelText(t.consultation.reason), " a ");
    await user.click(screen.getByRole("button", { name: t.consultation.request }));
    expect(await screen.findByText(t.consultation.reasonShort)).toBeInTheDocument();
    expect(server.requests(ASK)).toHaveLength(0);
  });
});
