import { Laptop, LogOut, Terminal } from "lucide-react";
import { useState } from "react";

import type { DeviceView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { clockTime, day } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Section";
import { SkeletonList } from "../../ui/Skeleton";
import { Badge } from "../../ui/StatusPill";
import { useToast } from "../../ui/Toast";
import { useDevices, useEndAllDevices, useEndDevice } from "./account";

/** Every browser and program that is signed in with this account. */
export function DevicesSection() {
  const devices = useDevices();
  const endAll = useEndAllDevices();
  const [asking, setAsking] = useState(false);
  return (
    <Section title={t.settings.devicesTitle}>
      <Loaded query={devices} loading={<SkeletonList rows={2} label={t.settings.devicesLoading} />}>
        {(all) => (
          <ul className="flex flex-col divide-y divide-line">
            {all.toSorted(currentFirst).map((device) => (
              <DeviceRow key={device.id} device={device} />
            ))}
          </ul>
        )}
      </Loaded>
      <Button variant="secondary" icon={LogOut} className="self-start" onClick={() => setAsking(true)}>
        {t.settings.devicesEndAll}
      </Button>
      <Confirm
        open={asking}
        title={t.settings.devicesEndAllTitle}
        text={t.settings.devicesEndAllText}
        confirm={t.settings.devicesEndAll}
        keep={t.settings.devicesKeep}
        busy={endAll.isPending}
        problem={endAll.isError ? t.errors[codeOf(endAll.error)] : undefined}
        onConfirm={() => endAll.mutate()}
        onClose={() => {
          endAll.reset();
          setAsking(false);
        }}
      />
    </Section>
  );
}

function DeviceRow({ device }: { device: DeviceView }) {
  const now = useNow(60_000);
  const end = useEndDevice();
  const toast = useToast();
  const name = device.device === "" ? t.settings.deviceUnknown : device.device;
  const when = (at: number) => `${day(at, now)}, ${clockTime(at)}`;
  const Icon = device.kind === "api" ? Terminal : Laptop;
  // Awaited rather than given as callbacks: success takes this row off the page before they would run.
  const signOut = async () => {
    try {
      await end.mutateAsync(device.id);
      toast({ tone: "ok", text: t.settings.deviceEnded });
    } catch (error) {
      toast({ tone: "danger", text: t.errors[codeOf(error)].title });
    }
  };
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2.5">
      <Icon aria-hidden className="size-5 shrink-0 text-ink-soft" />
      <div className="min-w-0 flex-1 basis-40">
        <p className="flex flex-wrap items-center gap-2 font-semibold">
          <span className="break-words">{name}</span>
          {device.current && <Badge tone="brand">{t.settings.deviceThis}</Badge>}
          {device.kind === "api" && <Badge>{t.settings.deviceApi}</Badge>}
        </p>
        <p className="text-sm text-ink-soft">{t.settings.deviceSeen(when(device.last_seen_at), device.address)}</p>
        <p className="text-sm text-ink-soft">{t.settings.deviceSince(when(device.created_at))}</p>
      </div>
      {!device.current && (
        <Button variant="quiet" busy={end.isPending} aria-label={t.settings.deviceEndLabel(name)} onClick={() => void signOut()}>
          {t.settings.deviceEnd}
        </Button>
      )}
    </li>
  );
}

function currentFirst(a: DeviceView, b: DeviceView): number {
  return Number(b.current) - Number(a.current) || b.last_seen_at - a.last_seen_at;
}
