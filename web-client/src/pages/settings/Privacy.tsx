import { AccessLog } from "../../features/account/AccessLog";
import { EraseSection, ExportSection } from "../../features/account/DataSections";
import { useUser } from "../../features/session/RequireSession";
import { usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";

export function Privacy() {
  usePageTitle(t.settings.sections.privacy);
  const { role } = useUser();
  return (
    <div className="flex flex-col gap-6">
      {role === "patient" && <AccessLog />}
      <ExportSection />
      <EraseSection />
    </div>
  );
}
