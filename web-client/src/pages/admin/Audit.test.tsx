import { createHash } from "node:crypto";
import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { AuditView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { renderPage } from "../../test-page";
import { TestServer } from "../../test-server";
import { Audit } from "./Audit";

const LEE = "usr_00000000000000000000000000000001";
const ANA = "usr_00000000000000000000000000000002";
const ENTRY: AuditView = {
  seq: 2,
  at: Date.now(),
  actor: LEE,
  actor_name: "Dr. Lee",
  role: "doctor",
  action: "transcript.read",
  subject: "con_1",
  patient: ANA,
  patient_name: "Ana",
  purpose: "TREAT",
  outcome: "denied",
  address: "192.0.2.7",
  proven: true,
};
const LIST = "GET /api/v1/admin/audit";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.stop());

describe("Audit", () => {
  it("tells an entry as a sentence and narrows to the person whose name is pressed", async () => {
    server.answer(LIST, { body: { items: [ENTRY], next: null, size: 2, checkpoint: { size: 2, at: Date.now() } } });
    server.answer(`${LIST}?actor=${LEE}`, { body: { items: [ENTRY], next: null, size: 2, checkpoint: null } });
    renderPage(<Audit />, "/admin/audit?period=all");
    const row = await screen.findByTestId("audit-row");
    expect(row).toHaveTextContent("Dr. Lee (Doctor) read a transcript (refused), data of Ana, for treatment.");
    await userEvent.setup().click(within(row).getByRole("button", { name: t.trail.onlyBy("Dr. Lee") }));
    expect(await screen.findByText(t.trail.noCheckpoint, { exact: false })).toBeInTheDocument();
    expect(screen.getByTestId("audit-sentence")).toHaveTextContent("Everything by Dr. Lee");
    expect(window.location.search).toContain(`actor=${LEE}`);
  });

  it("keeps both of two changes that come before the page is drawn anew", async () => {
    const body = { items: [ENTRY], next: null, size: 2, checkpoint: null };
    server.answer(`${LIST}?action=transcript.read`, { body });
    server.answer(`${LIST}?actor=${LEE}`, { body });
    renderPage(<Audit />, "/admin/audit?period=all&action=transcript.read");
    const row = await screen.findByTestId("audit-row");
    act(() => {
      fireEvent.click(within(row).getByRole("button", { name: t.trail.onlyBy("Dr. Lee") }));
      fireEvent.change(screen.getByLabelText(t.trail.action), { target: { value: "" } });
    });
    expect(screen.getByTestId("audit-sentence")).toHaveTextContent("Everything by Dr. Lee");
    expect(window.location.search).toBe(`?period=all&actor=${LEE}`);
  });

  it("shows whom it is narrowed to by name, chosen from the list or standing in the address, and lets go of them", async () => {
    const nothing = { items: [], next: null, size: 2, checkpoint: null };
    server.answer(LIST, { body: nothing });
    server.answer(`${LIST}?actor=${LEE}`, { body: nothing });
    server.answer(`${LIST}?patient=${ANA}`, { body: nothing });
    server.answer("GET /api/v1/admin/users/" + LEE, { body: { id: LEE, name: "Dr. Lee" } });
    const people = [ANA, `${ANA.slice(0, -1)}3`].map((id) => ({ id, name: "Ana", role: "patient", specialty: "" }));
    server.answer("GET /api/v1/users/search?q=Ana&role=patient", { body: people });
    renderPage(<Audit />, `/admin/audit?period=all&actor=${LEE}`);
    const user = userEvent.setup();
    await user.click(screen.getByText(t.trail.filters));
    const actor = await screen.findByRole("group", { name: t.trail.actor });
    expect(await within(actor).findByText("Dr. Lee")).toBeInTheDocument();
    expect(screen.getByTestId("audit-sentence")).toHaveTextContent("Everything by Dr. Lee");
    await user.click(within(actor).getByRole("button", { name: t.trail.personRemove("Dr. Lee") }));
    expect(screen.getByLabelText(t.trail.actor)).toHaveValue("");

    await user.type(screen.getByLabelText(t.trail.patient), "Ana");
    await waitFor(() => expect(document.querySelectorAll("datalist option")).toHaveLength(2));
    await user.type(screen.getByLabelText(t.trail.patient), ", Patient (…000002)");
    expect(await screen.findByRole("group", { name: t.trail.patient })).toHaveTextContent("Ana");
    expect(screen.getByTestId("audit-sentence")).toHaveTextContent("about the data of Ana");
    expect(window.location.search).toContain(`patient=${ANA}`);
  });

  it("checks a proof itself: a good one is good and a wrong one is called wrong", async () => {
    const sha = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
    const [first, second] = [sha(Buffer.of(0, 1)), sha(Buffer.of(0, 2))];
    const root = sha(Buffer.of(1), first, second).toString("base64");
    const proof = {
      entry: {},
      leaf: second.toString("hex"),
      index: 1,
      size: 2,
      path: [first.toString("hex")],
      checkpoint: `auscult/ten_1\n2\n${root}\n\n— auscult/ten_1 AAAA\n`,
    };
    server.answer(LIST, { body: { items: [ENTRY, { ...ENTRY, seq: 1 }], next: null, size: 2, checkpoint: null } });
    server.answer("GET /api/v1/admin/audit/2/proof", { body: proof });
    server.answer("GET /api/v1/admin/audit/1/proof", { body: { ...proof, index: 0 } });
    renderPage(<Audit />, "/admin/audit?period=all");
    const user = userEvent.setup();
    const [second2, first1] = await screen.findAllByRole("button", { name: new RegExp(t.trail.proven) });
    if (!second2 || !first1) throw new Error("expected two badges");
    await user.click(second2);
    expect(await screen.findByText(t.trail.proofGoodTitle)).toBeInTheDocument();
    await user.click(first1);
    expect(await screen.findByText(t.trail.proofBadTitle)).toBeInTheDocument();
  });
});
