import { t } from "../lib/i18n";

export function Home() {
  return <p>{t.ui.loading}</p>;
}
