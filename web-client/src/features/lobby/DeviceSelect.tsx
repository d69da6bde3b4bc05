import { t } from "../../lib/i18n";
import { Select } from "../../ui/Field";

interface DeviceSelectProps {
  label: string;
  devices: readonly MediaDeviceInfo[];
  value: string | null;
  onChange: (deviceId: string | null) => void;
  "data-testid"?: string;
}

export function DeviceSelect({ label, devices, value, onChange, ...rest }: DeviceSelectProps) {
  // A device that was unplugged since is no longer in the list.
  const known = devices.some(({ deviceId }) => deviceId === value) ? value : null;
  return (
    <Select
      {...rest}
      label={label}
      value={known ?? ""}
      onChange={({ target }) => onChange(target.value === "" ? null : target.value)}
    >
      <option value="">{t.call.systemDevice}</option>
      {devices
        .filter(({ deviceId }) => deviceId !== "default" && deviceId !== "communications")
        .map((device, at) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label === "" ? t.call.unnamedDevice(label, at + 1) : device.label}
          </option>
        ))}
    </Select>
  );
}
