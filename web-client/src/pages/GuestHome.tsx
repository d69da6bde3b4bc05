import { DoorOpen } from "lucide-react";

import { guestConsultation } from "../features/session/session";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ButtonLink } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";

export function GuestHome() {
  usePageTitle(t.session.guestHomeTitle);
  const consultation = guestConsultation();
  return (
    <>
      <h1 className="sr-only">{t.session.guestHomeTitle}</h1>
      <EmptyState
        icon={DoorOpen}
        title={t.session.guestHomeTitle}
        action={
          consultation !== null && (
            <ButtonLink to={`/consultations/${consultation}`}>{t.session.guestReturn}</ButtonLink>
          )
        }
      >
        {t.session.guestHomeText}
      </EmptyState>
    </>
  );
}
