import { t } from "../lib/i18n";

export function History() {
  return <p>{t.ui.loading}</p>;
}
