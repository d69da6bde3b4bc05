import { useAccount } from "../../features/account/account";
import { PictureForm } from "../../features/account/PictureForm";
import { ProfileForm } from "../../features/account/ProfileForm";
import { usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { Loaded } from "../../ui/Loaded";
import { SkeletonList } from "../../ui/Skeleton";

export function Profile() {
  usePageTitle(t.settings.sections.profile);
  const account = useAccount();
  return (
    <Loaded query={account} loading={<SkeletonList rows={2} label={t.settings.loading} />}>
      {(loaded) => (
        <div className="flex flex-col gap-6">
          <ProfileForm account={loaded} />
          <PictureForm account={loaded} />
        </div>
      )}
    </Loaded>
  );
}
