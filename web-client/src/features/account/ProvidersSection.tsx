import { Link2 } from "lucide-react";

import type { LinkedProviderView } from "../../api/schema";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { day } from "../../lib/time";
import { Section } from "../../ui/Section";
import { useLinkedProviders, useUnlinkProvider } from "./providers";
import { WayIn } from "./WayIn";

/** Accounts elsewhere that open this one; nothing for those who have none. */
export function ProvidersSection() {
  const linked = useLinkedProviders().data ?? [];
  if (linked.length === 0) return null;
  return (
    <Section title={t.settings.providersTitle} text={t.settings.providersText}>
      <ul className="flex flex-col divide-y divide-line">
        {linked.map((provider) => (
          <ProviderRow key={provider.id} provider={provider} />
        ))}
      </ul>
    </Section>
  );
}

function ProviderRow({ provider: { id, name, linked_at: at } }: { provider: LinkedProviderView }) {
  const now = useNow(60_000);
  const unlink = useUnlinkProvider();
  return (
    <WayIn
      icon={Link2}
      name={name}
      text={t.settings.providerLinked(day(at, now))}
      words={{
        remove: t.settings.providerUnlink,
        removeLabel: t.settings.providerUnlinkLabel(name),
        title: t.settings.providerUnlinkTitle(name),
        text: t.settings.providerUnlinkText,
        keep: t.settings.providerKeep,
        removed: t.settings.providerUnlinked(name),
        conflict: t.settings.providerOnlyWay,
      }}
      removal={unlink}
      onRemove={() => unlink.mutateAsync(id)}
    />
  );
}
