import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";

import type { ConsultationView, TranscriptEntryView, TranscriptView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { renderPage } from "../../test-page";
import { Transcript } from "./Transcript";

const CONSULTATION: ConsultationView = {
  id: "con_1",
  state: "completed",
  reason: "Knee",
  specialty: "",
  patient: { id: "usr_1", name: "Ana" },
  doctor: { id: "usr_2", name: "Dr. Lee" },
  requested_at: 0,
  accepted_at: 1,
  started_at: 2,
  ended_at: 3,
  participant_id: "par_1",
};
const ENTRIES: TranscriptEntryView[] = [
  { speaker: "Dr. Lee", kind: "doctor", start_ms: 1000, end_ms: 2000, state: "final", text: "Which knee is it?" },
  { speaker: "Ana", kind: "patient", start_ms: 3000, end_ms: 4000, state: "gap", text: "" },
  { speaker: "Ana", kind: "patient", start_ms: 5000, end_ms: 6000, state: "final", text: "The left knee." },
];

function show(changes: Partial<TranscriptView>) {
  const transcript = { consultation: CONSULTATION, entries: ENTRIES, model: "base.en", demonstration: false, ...changes };
  return renderPage(<Transcript transcript={transcript} />, "/");
}

describe("Transcript", () => {
  it("says that a machine wrote it, and more so for the demonstration model", () => {
    const { unmount } = show({});
    expect(screen.getByText(t.consultation.machineMade)).toBeInTheDocument();
    expect(screen.queryByText(t.consultation.demonstrationNote, { exact: false })).not.toBeInTheDocument();
    unmount();
    show({ demonstration: true });
    expect(screen.getByText(t.consultation.demonstrationNote, { exact: false })).toBeInTheDocument();
  });

  it("shows speakers, times and gaps in order", () => {
    show({});
    const [doctor, patient] = screen.getAllByRole("listitem");
    expect(doctor).toHaveTextContent("00:01Dr. LeeDoctorWhich knee is it?");
    expect(within(patient as HTMLElement).getByText(t.consultation.gap("00:03", "00:04"))).toBeInTheDocument();
    expect(patient).toHaveTextContent("The left knee.");
  });

  it("counts matches and goes round them with Enter", async () => {
    const scroll = vi.spyOn(Element.prototype, "scrollIntoView").mockReturnValue();
    show({});
    const user = userEvent.setup();
    await user.type(screen.getByLabelText(t.consultation.find), "KNEE");
    expect(screen.getByText(t.consultation.found(2))).toBeInTheDocument();
    for (const place of [1, 2, 1]) {
      await user.keyboard("{Enter}");
      expect(screen.getByText(t.consultation.foundAt(place, 2))).toBeInTheDocument();
    }
    expect(scroll).toHaveBeenCalledTimes(3);
    expect(document.querySelectorAll('mark[aria-current="true"]')).toHaveLength(1);
  });

  it("explains an empty one", () => {
    show({ entries: [] });
    expect(screen.getByText(t.consultation.transcriptEmptyText)).toBeInTheDocument();
  });
});
