import { useAccount } from "../../features/account/account";
import { BackFromProvider } from "../../features/account/BackFromProvider";
import { DevicesSection } from "../../features/account/DevicesSection";
import { PasskeysSection } from "../../features/account/PasskeysSection";
import { PasswordSection } from "../../features/account/PasswordSection";
import { ProvidersSection } from "../../features/account/ProvidersSection";
import { TotpSection } from "../../features/account/TotpSection";
import { usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { Loaded } from "../../ui/Loaded";
import { SkeletonList } from "../../ui/Skeleton";

export function Security() {
  usePageTitle(t.settings.sections.security);
  const account = useAccount();
  return (
    <Loaded query={account} loading={<SkeletonList rows={4} label={t.settings.loading} />}>
      {(loaded) => (
        <div className="flex flex-col gap-6">
          <BackFromProvider />
          {loaded.has_password && <PasswordSection account={loaded} />}
          <TotpSection account={loaded} />
          <PasskeysSection />
          <ProvidersSection />
          <DevicesSection />
        </div>
      )}
    </Loaded>
  );
}
