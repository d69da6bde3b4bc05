import { Mic, MicOff } from "lucide-react";
import { useState } from "react";

import type { ConsultationView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { FIRST_CHOICE, loadChoice, saveChoice } from "../../rtc/choice";
import { canChooseSpeaker } from "../../rtc/devices";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Switch } from "../../ui/Switch";
import { CameraPreview } from "./CameraPreview";
import { DeviceProblems } from "./DeviceProblems";
import { useDeviceLists } from "./devices";
import { DeviceSelect } from "./DeviceSelect";
import { JoinPanel } from "./JoinPanel";
import { MicrophoneLevel } from "./MicrophoneLevel";
import { NetworkCheck } from "./NetworkCheck";
import { SpeakerTest } from "./SpeakerTest";
import { usePreview } from "./usePreview";

interface LobbyRoomProps {
  consultation: ConsultationView;
  isDoctor: boolean;
}

/** See and hear that everything works, decide about captions, join. */
export function LobbyRoom({ consultation, isDoctor }: LobbyRoomProps) {
  const [initial] = useState(() => loadChoice(consultation.id) ?? FIRST_CHOICE);
  const [captions, setCaptions] = useState(initial.captions);
  const [speaker, setSpeaker] = useState(initial.speaker);
  const preview = usePreview(initial);
  const { microphone, camera } = preview.sources;
  const lists = useDeviceLists(microphone.track ?? camera.track);
  const chosen = preview.choice();
  const remember = () => saveChoice(consultation.id, { ...chosen, speaker, captions });
  return (
    <div className="grid gap-6 @4xl:grid-cols-2">
      <div className="flex flex-col gap-4">
        <CameraPreview camera={camera} turn={(on) => preview.turn("camera", on)} />
        <DeviceProblems preview={preview} />
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <div className="min-w-56 grow">
            <MicrophoneLevel microphone={microphone} />
          </div>
          <Button
            variant="secondary"
            icon={microphone.on ? MicOff : Mic}
            onClick={() => preview.turn("microphone", !microphone.on)}
          >
            {microphone.on ? t.call.withoutMicrophone : t.call.withMicrophone}
          </Button>
        </div>
        <Card className="flex flex-col gap-4">
          <DeviceSelect
            label={t.call.microphone}
            devices={lists.microphones}
            value={chosen.microphone.deviceId}
            onChange={(id) => preview.chooseDevice("microphone", id)}
          />
          <DeviceSelect
            label={t.call.camera}
            devices={lists.cameras}
            value={chosen.camera.deviceId}
            onChange={(id) => preview.chooseDevice("camera", id)}
          />
          {canChooseSpeaker() && (
            <DeviceSelect label={t.call.speaker} devices={lists.speakers} value={speaker} onChange={setSpeaker} />
          )}
          <SpeakerTest speaker={speaker} />
        </Card>
      </div>
      <div className="flex flex-col gap-4">
        <Card className="flex flex-col gap-3">
          <h2 className="text-lg font-semibold">{t.call.consentTitle}</h2>
          <p className="text-ink-soft">{t.call.consentText}</p>
          <Switch checked={captions} onChange={setCaptions} label={t.call.consentAsk} data-testid="lobby-consent" />
        </Card>
        <NetworkCheck />
        <JoinPanel consultation={consultation} isDoctor={isDoctor} onJoin={remember} />
      </div>
    </div>
  );
}
