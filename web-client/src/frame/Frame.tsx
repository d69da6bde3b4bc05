import { Outlet } from "react-router";

import { useUser } from "../features/session/RequireSession";
import { DoctorFrame } from "./DoctorFrame";
import { PatientFrame } from "./PatientFrame";

/** The frame that fits the role: one quiet column for patients and guests, a rail and a top bar for staff. */
export function Frame() {
  const user = useUser();
  const content = <Outlet />;
  return user.role === "doctor" || user.role === "admin" ? (
    <DoctorFrame>{content}</DoctorFrame>
  ) : (
    <PatientFrame>{content}</PatientFrame>
  );
}
