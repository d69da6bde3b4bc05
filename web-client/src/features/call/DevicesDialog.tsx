import { t } from "../../lib/i18n";
import type { Call, CallSnapshot } from "../../rtc/call";
import { canChooseSpeaker } from "../../rtc/devices";
import { Dialog } from "../../ui/Dialog";
import { useDeviceLists } from "../lobby/devices";
import { DeviceSelect } from "../lobby/DeviceSelect";
import { SpeakerTest } from "../lobby/SpeakerTest";

interface DevicesDialogProps {
  call: Call;
  snapshot: CallSnapshot;
  open: boolean;
  onClose: () => void;
}

export function DevicesDialog({ open, onClose, ...rest }: DevicesDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title={t.call.devices}>
      <Choices {...rest} />
    </Dialog>
  );
}

function Choices({ call, snapshot }: { call: Call; snapshot: CallSnapshot }) {
  const lists = useDeviceLists(snapshot.local.microphone.track ?? snapshot.local.camera.track);
  return (
    <div className="flex flex-col gap-5">
      <DeviceSelect
        label={t.call.microphone}
        devices={lists.microphones}
        value={call.deviceOf("microphone")}
        onChange={(id) => void call.chooseDevice("microphone", id)}
      />
      <DeviceSelect
        label={t.call.camera}
        devices={lists.cameras}
        value={call.deviceOf("camera")}
        onChange={(id) => void call.chooseDevice("camera", id)}
      />
      {canChooseSpeaker() && (
        <DeviceSelect
          label={t.call.speaker}
          devices={lists.speakers}
          value={snapshot.output}
          onChange={(id) => call.chooseOutput(id)}
        />
      )}
      <SpeakerTest speaker={snapshot.output} />
    </div>
  );
}
