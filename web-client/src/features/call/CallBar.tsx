import {
  Captions,
  CaptionsOff,
  Ellipsis,
  Keyboard,
  MessageSquareText,
  Mic,
  MicOff,
  MonitorUp,
  PanelRight,
  PhoneOff,
  Settings2,
  UserPlus,
  Video,
  VideoOff,
} from "lucide-react";

import { t } from "../../lib/i18n";
import type { CallSnapshot } from "../../rtc/call";
import { canShareScreen } from "../../rtc/devices";
import { Menu, MenuChoice, MenuItem, MenuSeparator } from "../../ui/Menu";
import type { CaptionSize } from "../captions/preferences";
import { BarButton } from "./BarButton";

/** Everything that the bar and the keyboard can do. */
export interface CallActions {
  microphone: () => void;
  camera: () => void;
  share: () => void;
  captions: () => void;
  captionSize: (size: CaptionSize) => void;
  consent: () => void;
  transcript: () => void;
  /** Only the doctor can. */
  invite: (() => void) | null;
  devices: () => void;
  shortcuts: () => void;
  leave: () => void;
}

interface CallBarProps {
  snapshot: CallSnapshot;
  captions: { shown: boolean; size: CaptionSize };
  transcriptShown: boolean;
  actions: CallActions;
}

export function CallBar({ snapshot, captions, transcriptShown, actions }: CallBarProps) {
  const { microphone, camera, screen } = snapshot.local;
  return (
    <nav
      aria-label={t.call.controls}
      className="flex items-start justify-center gap-2 bg-ground px-2 pt-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] lg:gap-1"
    >
      <BarButton
        data-testid="btn-microphone"
        icon={microphone.on ? Mic : MicOff}
        look={microphone.on ? "on" : "off"}
        name={microphone.on ? t.call.mute : t.call.unmute}
        does={microphone.on ? t.call.mute : t.call.unmute}
        shortcut="M"
        onClick={actions.microphone}
      />
      <BarButton
        data-testid="btn-camera"
        icon={camera.on ? Video : VideoOff}
        look={camera.on ? "on" : "off"}
        name={camera.on ? t.call.cameraStop : t.call.cameraStart}
        does={camera.on ? t.call.cameraStop : t.call.cameraStart}
        shortcut="V"
        onClick={actions.camera}
      />
      {canShareScreen() && (
        <BarButton
          data-testid="btn-share"
          icon={MonitorUp}
          look={screen.on ? "active" : "on"}
          name={screen.on ? t.call.shareStop : t.call.share}
          does={screen.on ? t.call.shareStop : t.call.share}
          shortcut="S"
          onClick={actions.share}
          className="max-md:hidden"
        />
      )}
      <BarButton
        data-testid="btn-captions"
        icon={captions.shown ? Captions : CaptionsOff}
        name={t.call.captions}
        does={captions.shown ? t.call.captionsHide : t.call.captionsShow}
        shortcut="C"
        onClick={actions.captions}
      />
      <BarButton
        data-testid="btn-consent"
        icon={MessageSquareText}
        look={snapshot.consent ? "machine" : "on"}
        name={t.call.consentNames[snapshot.consent ? "on" : "off"]}
        does={snapshot.consent ? t.call.consentOff : t.call.consentOn}
        aria-pressed={snapshot.consent}
        onClick={actions.consent}
      />
      <BarButton
        data-testid="btn-transcript"
        icon={PanelRight}
        look={transcriptShown ? "active" : "on"}
        name={t.call.transcript}
        does={transcriptShown ? t.call.transcriptHide : t.call.transcriptShow}
        shortcut="T"
        onClick={actions.transcript}
        className="max-md:hidden"
      />
      {actions.invite && (
        <BarButton
          data-testid="btn-invite"
          icon={UserPlus}
          name={t.call.invite}
          does={t.call.inviteSomeone}
          onClick={actions.invite}
          className="max-md:hidden"
        />
      )}
      <MoreMenu snapshot={snapshot} captions={captions} transcriptShown={transcriptShown} actions={actions} />
      <BarButton
        data-testid="btn-leave"
        icon={PhoneOff}
        look="danger"
        name={t.call.leave}
        does={t.call.leaveCall}
        onClick={actions.leave}
      />
    </nav>
  );
}

/** What is needed seldom; on a phone also what has no room in the bar. */
function MoreMenu({ snapshot, captions, transcriptShown, actions }: CallBarProps) {
  return (
    <Menu
      side="top"
      trigger={
        <button
          type="button"
          aria-label={t.call.more}
          data-testid="btn-more"
          className="flex flex-col items-center gap-1 rounded-control text-sm font-medium lg:min-w-20"
        >
          <span className="flex size-12 items-center justify-center rounded-full bg-raised hover:bg-line">
            <Ellipsis aria-hidden className="size-5.5" />
          </span>
          <span aria-hidden className="hidden lg:block">
            {t.call.more}
          </span>
        </button>
      }
    >
      <MenuChoice
        label={t.call.captionSize}
        value={captions.size}
        onChange={actions.captionSize}
        options={(["small", "medium", "large"] as const).map((size) => ({ value: size, label: t.call.captionSizes[size] }))}
      />
      <MenuSeparator />
      <div className="md:hidden">
        <MenuItem icon={PanelRight} onSelect={actions.transcript}>
          {transcriptShown ? t.call.transcriptHide : t.call.transcriptShow}
        </MenuItem>
        {canShareScreen() && (
          <MenuItem icon={MonitorUp} onSelect={actions.share}>
            {snapshot.local.screen.on ? t.call.shareStop : t.call.share}
          </MenuItem>
        )}
        {actions.invite && (
          <MenuItem icon={UserPlus} onSelect={actions.invite}>
            {t.call.inviteSomeone}
          </MenuItem>
        )}
      </div>
      <MenuItem icon={Settings2} onSelect={actions.devices}>
        {t.call.devices}
      </MenuItem>
      <MenuItem icon={Keyboard} onSelect={actions.shortcuts}>
        {t.call.shortcuts}
      </MenuItem>
    </Menu>
  );
}
