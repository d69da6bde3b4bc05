import { t } from "../lib/i18n";

export function Guest() {
  return <p>{t.ui.loading}</p>;
}
