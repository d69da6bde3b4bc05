import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";

export function Call() {
  usePageTitle(t.call.callTitle);
  return <h1 className="text-2xl font-semibold">{t.call.callTitle}</h1>;
}
