import { Outlet } from "react-router";

import { Duties } from "../features/account/Duties";
import { useUser } from "../features/session/RequireSession";
import { StaffFrame } from "./StaffFrame";
import { PatientFrame } from "./PatientFrame";

/** The frame that fits the role: one quiet column for patients and guests, a rail and a top bar for staff. */
export function Frame() {
  const user = useUser();
  const content = (
    <>
      <Duties />
      <Outlet />
    </>
  );
  return user.role === "doctor" || user.role === "admin" ? (
    <StaffFrame>{content}</StaffFrame>
  ) : (
    <PatientFrame>{content}</PatientFrame>
  );
}
