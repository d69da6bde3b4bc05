import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";

export function Lobby() {
  usePageTitle(t.call.lobbyTitle);
  return <h1 className="text-2xl font-semibold">{t.call.lobbyTitle}</h1>;
}
