import { Outlet } from "react-router";

import { ConfirmIdentity } from "../features/account/ConfirmIdentity";
import { LiveEvents } from "../features/live/LiveEvents";

/** Around every page of somebody who is signed in, the call included. */
export function SignedIn() {
  return (
    <>
      <LiveEvents />
      <Outlet />
      <ConfirmIdentity />
    </>
  );
}
