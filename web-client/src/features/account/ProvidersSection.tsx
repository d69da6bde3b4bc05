import { Link2 } from "lucide-react";
import { useState } from "react";

import type { LinkedProviderView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { day } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Section } from "../../ui/Section";
import { useToast } from "../../ui/Toast";
import { useLinkedProviders, useUnlinkProvider } from "./providers";

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
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const confirm = async () => {
    try {
      await unlink.mutateAsync(id);
    } catch {
      return; // Shown as the problem.
    }
    toast({ tone: "ok", text: t.settings.providerUnlinked(name) });
  };
  const code = unlink.isError ? codeOf(unlink.error) : null;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2.5">
      <Link2 aria-hidden className="size-5 shrink-0 text-ink-soft" />
      <div className="min-w-0 flex-1 basis-40">
        <p className="font-semibold break-words">{name}</p>
        <p className="text-sm text-ink-soft">{t.settings.providerLinked(day(at, now))}</p>
      </div>
      <Button variant="quiet" aria-label={t.settings.providerUnlinkLabel(name)} onClick={() => setAsking(true)}>
        {t.settings.providerUnlink}
      </Button>
      <Confirm
        open={asking}
        title={t.settings.providerUnlinkTitle(name)}
        text={t.settings.providerUnlinkText}
        confirm={t.settings.providerUnlink}
        keep={t.settings.providerKeep}
        busy={unlink.isPending}
        problem={code === null ? undefined : code === "conflict" ? t.settings.providerOnlyWay : t.errors[code]}
        onConfirm={() => void confirm()}
        onClose={() => {
          unlink.reset();
          setAsking(false);
        }}
      />
    </li>
  );
}
