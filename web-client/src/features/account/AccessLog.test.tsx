import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it } from "vitest";

import { t } from "../../lib/i18n";
import { renderPage } from "../../test-page";
import { TestServer } from "../../test-server";
import { RequireSession } from "../session/RequireSession";
import { AccessLog } from "./AccessLog";

const USER = { id: "usr_1", email: "ana@clinic.example", name: "Ana", role: "patient", specialty: "", availability: "offline" };
const LOG = "GET /api/v1/account/access-log";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.answer("GET /api/v1/session", { body: { user: USER, csrf_token: "t", must: [] } });
});
afterEach(() => server.stop());

it("tells in sentences who opened the record, page by page", async () => {
  const at = Date.now();
  const lee = { id: "usr_d", name: "Dr. Lee" };
  const line = { at, actor: lee, role: "doctor", action: "transcript.read", purpose: "TREAT", outcome: "done" };
  server.answer(LOG, { body: { items: [line, { ...line, outcome: "denied" }], next: "c 1" } });
  server.answer(`${LOG}?cursor=c%201`, {
    body: { items: [{ ...line, actor: { id: "usr_1", name: "Ana" }, action: "unheard.of", purpose: "PATRQT" }], next: null },
  });
  renderPage(<RequireSession />, "/", <AccessLog />);
  const [first, second] = await screen.findAllByRole("listitem");
  expect(first).toHaveTextContent("Dr. Lee read a transcript, for treatment.");
  expect(second).toHaveTextContent("Dr. Lee read a transcript (refused), for treatment.");
  await userEvent.setup().click(screen.getByRole("button", { name: t.ui.more }));
  expect(await screen.findByText(t.audit.you)).toBeInTheDocument();
  expect(screen.getAllByRole("listitem")[2]).toHaveTextContent("You unheard.of, at the patient's request.");
  expect(screen.queryByRole("button", { name: t.ui.more })).not.toBeInTheDocument();
});

it("says what happened again and again once, with how often", async () => {
  const line = { at: Date.now(), actor: null, role: "", action: "consultation.list", purpose: "TREAT", outcome: "done" };
  const items = [line, { ...line, at: line.at - 1 }, { ...line, outcome: "denied" }, line];
  server.answer(LOG, { body: { items, next: null } });
  renderPage(<RequireSession />, "/", <AccessLog />);
  const lines = await screen.findAllByRole("listitem");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toHaveTextContent(`for treatment, ${t.audit.times(2)}.`);
  expect(lines[2]).toHaveTextContent("for treatment.");
});

it("says what will stand here while nobody has opened the record", async () => {
  server.answer(LOG, { body: { items: [], next: null } });
  renderPage(<RequireSession />, "/", <AccessLog />);
  expect(await screen.findByText(t.settings.accessEmptyTitle)).toBeInTheDocument();
});
