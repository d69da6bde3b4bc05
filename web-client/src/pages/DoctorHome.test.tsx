import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { ConsultationView } from "../api/schema";
import { RequireSession } from "../features/session/RequireSession";
import { t } from "../lib/i18n";
import { renderPage } from "../test-page";
import { errorBody, TestServer } from "../test-server";
import { DoctorHome } from "./DoctorHome";

const DOCTOR = { id: "usr_d", email: "d@clinic.example", name: "Dr. Lee", role: "doctor", specialty: "", availability: "online" };
const MINUTE = 60_000;

function waiting(id: string, name: string, minutes: number): ConsultationView {
  return {
    id,
    state: "requested",
    reason: "",
    specialty: "",
    patient: { id: `usr_${id}`, name },
    doctor: null,
    requested_at: Date.now() - minutes * MINUTE - 1000,
    accepted_at: null,
    started_at: null,
    ended_at: null,
    participant_id: null,
  };
}

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.answer("GET /api/v1/session", { body: { user: DOCTOR, csrf_token: "t", must: [] } });
  server.answer("GET /api/v1/status", {
    body: { captions: { state: "ready", model: "base.en", demonstration: false }, version: "0" },
  });
});
afterEach(() => server.stop());

function open() {
  renderPage(<RequireSession />, "/", <DoctorHome />);
}

describe("DoctorHome", () => {
  it("puts whoever waits longest first, with the time", async () => {
    server.answer("GET /api/v1/consultations", { body: [waiting("new", "Ana", 2), waiting("old", "Bo", 75)] });
    open();
    const queue = await screen.findByRole("region", { name: t.consultation.queue });
    const items = await within(queue).findAllByRole("listitem");
    expect(items.map((item) => within(item).getByRole("heading").textContent)).toEqual(["Bo", "Ana"]);
    expect(items[0]).toHaveTextContent(t.consultation.since("1 hr 15 min"));
  });

  it("asks for no queue while something is still to be done", async () => {
    server.answer("GET /api/v1/session", { body: { user: DOCTOR, csrf_token: "t", must: ["enrol_second_factor"] } });
    open();
    expect(await screen.findByText(t.consultation.notYetTitle)).toBeInTheDocument();
    expect(server.requests("GET /api/v1/consultations")).toEqual([]);
  });

  it("shows a reason when it is asked for, and asks the server once", async () => {
    server.answer("GET /api/v1/consultations", { body: [waiting("con_a", "Ana", 2)] });
    server.answer("GET /api/v1/consultations/con_a", { body: { ...waiting("con_a", "Ana", 2), reason: "My knee hurts" } });
    open();
    const show = await screen.findByRole("button", { name: t.consultation.reasonLabel("Ana") });
    expect(server.requests("GET /api/v1/consultations/con_a")).toEqual([]);
    await userEvent.setup().click(show);
    expect(await screen.findByText("My knee hurts")).toBeInTheDocument();
    expect(server.requests("GET /api/v1/consultations/con_a")).toHaveLength(1);
  });

  it("moves an accepted patient from the queue to the doctor's own and says so", async () => {
    const ana = waiting("con_a", "Ana", 2);
    const mine: ConsultationView = { ...ana, state: "accepted", accepted_at: Date.now(), doctor: { id: DOCTOR.id, name: DOCTOR.name } };
    server.answer("GET /api/v1/consultations", { body: [ana] });
    server.answer("POST /api/v1/consultations/con_a/accept", { body: mine });
    open();
    const accept = await screen.findByRole("button", { name: t.consultation.acceptLabel("Ana") });
    server.answer("GET /api/v1/consultations", { body: [mine] });
    await userEvent.setup().click(accept);
    expect(await screen.findByRole("button", { name: t.consultation.start })).toBeInTheDocument();
    expect(await screen.findByText(t.consultation.accepted("Ana"))).toBeInTheDocument();
    expect(screen.getByText(t.consultation.queueEmptyTitle)).toBeInTheDocument();
  });

  it("says that a colleague was faster and shows where it stands", async () => {
    server.answer("GET /api/v1/consultations", { body: [waiting("con_a", "Ana", 2)] });
    server.answer("POST /api/v1/consultations/con_a/accept", { status: 409, body: errorBody("conflict") });
    open();
    const accept = await screen.findByRole("button", { name: t.consultation.acceptLabel("Ana") });
    server.answer("GET /api/v1/consultations", { body: [] });
    await userEvent.setup().click(accept);
    expect(await screen.findByText(t.errors.conflict.title, { exact: false })).toBeInTheDocument();
    await waitFor(() => expect(screen.getByText(t.consultation.queueEmptyTitle)).toBeInTheDocument());
  });

  it("keeps the list when the server is lost and says that it may be old", async () => {
    server.answer("GET /api/v1/consultations", { body: [waiting("con_a", "Ana", 2)] });
    open();
    await screen.findByRole("button", { name: t.consultation.acceptLabel("Ana") });
    await server.stop();
    expect(await screen.findByText(t.ui.stale, {}, { timeout: 10_000 })).toBeInTheDocument();
    expect(screen.getByRole("button", { name: t.consultation.acceptLabel("Ana") })).toBeInTheDocument();
  }, 15_000);
});
