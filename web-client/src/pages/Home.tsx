import { useUser } from "../features/session/RequireSession";
import { Overview } from "./admin/Overview";
import { DoctorHome } from "./DoctorHome";
import { GuestHome } from "./GuestHome";
import { PatientHome } from "./PatientHome";

/** The start page is the role's own. */
export function Home() {
  const { role } = useUser();
  switch (role) {
    case "patient":
      return <PatientHome />;
    case "guest":
      return <GuestHome />;
    case "doctor":
      return <DoctorHome />;
    case "admin":
      return <Overview />;
  }
}
