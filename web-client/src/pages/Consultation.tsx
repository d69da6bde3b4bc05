import { t } from "../lib/i18n";

export function Consultation() {
  return <p>{t.ui.loading}</p>;
}
