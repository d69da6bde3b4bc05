import { useLocation } from "react-router";

import { NarrowPage } from "../frame/NarrowPage";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ButtonLink } from "../ui/Button";

/** After signing up, where the address has to be confirmed first. */
export function CheckMail() {
  usePageTitle(t.account.checkMailTitle);
  const email: unknown = useLocation().state;
  return (
    <NarrowPage title={t.account.checkMailTitle}>
      <p>
        {typeof email === "string" && <span className="font-semibold break-words">{t.account.checkMailTo(email)} </span>}
        {t.account.checkMailText}
      </p>
      <p className="text-ink-soft">{t.account.checkMailNothing}</p>
      <ButtonLink to="/signin" variant="secondary">
        {t.account.toSignIn}
      </ButtonLink>
    </NarrowPage>
  );
}
