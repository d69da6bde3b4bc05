import { type ReactNode, useEffect, useRef, useState } from "react";

import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { position } from "../../lib/time";
import type { Call, CallSnapshot } from "../../rtc/call";
import { canShareScreen } from "../../rtc/devices";
import { CaptionAnnouncer, CaptionOverlay } from "../captions/CaptionOverlay";
import { CaptionNotice } from "../captions/CaptionNotice";
import type { Captions } from "../captions/captions";
import { useCaptionPreferences } from "../captions/preferences";
import { TranscriptPanel } from "../captions/TranscriptPanel";
import { InviteDialog } from "../consultation/InviteDialog";
import { type CallActions, CallBar } from "./CallBar";
import { Comings } from "./Comings";
import { ConnectionBanner } from "./ConnectionBanner";
import { DeviceNotices } from "./DeviceNotices";
import { DevicesDialog } from "./DevicesDialog";
import { LeaveDialog } from "./LeaveDialog";
import { RemoteSound } from "./RemoteSound";
import { SelfView } from "./SelfView";
import { ShortcutsDialog } from "./ShortcutsDialog";
import { Stage } from "./Stage";
import { ViewContext } from "./view";
import { useNames } from "./useNames";
import { useShortcuts } from "./useShortcuts";

type OpenDialog = "devices" | "shortcuts" | "invite" | "leave" | null;

interface CallViewProps {
  call: Call;
  snapshot: CallSnapshot;
  captions: Captions;
  consultationId: string;
}

/** A running call: people, captions and controls fill the window. */
export function CallView({ call, snapshot, captions, consultationId }: CallViewProps) {
  const [preferences, prefer] = useCaptionPreferences();
  const [transcriptShown, setTranscriptShown] = useState(false);
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const names = useNames(snapshot.participants);
  const isDoctor = snapshot.participants.find(({ id }) => id === snapshot.you)?.kind === "doctor";
  const { local } = snapshot;

  const actions: CallActions = {
    microphone: () => void call.turn("microphone", !local.microphone.on),
    camera: () => void call.turn("camera", !local.camera.on),
    share: () => void call.share(!local.screen.on),
    captions: () => prefer({ shown: !preferences.shown }),
    captionSize: (size) => prefer({ size, shown: true }),
    consent: () => call.consent(!snapshot.consent),
    transcript: () => setTranscriptShown(!transcriptShown),
    invite: isDoctor ? () => setDialog("invite") : null,
    devices: () => setDialog("devices"),
    shortcuts: () => setDialog("shortcuts"),
    leave: () => (isDoctor ? setDialog("leave") : call.leave()),
  };
  useShortcuts({
    m: actions.microphone,
    v: actions.camera,
    c: actions.captions,
    t: actions.transcript,
    "?": actions.shortcuts,
    ...(canShareScreen() && { s: actions.share }),
  });
  const close = () => setDialog(null);

  return (
    <CallRoot connection={snapshot.peerConnection}>
      <div data-theme="dark" className="relative flex min-w-0 grow flex-col bg-ground text-ink">
        <Header snapshot={snapshot} />
        <ConnectionBanner snapshot={snapshot} />
        <CaptionNotice service={snapshot.captionService} />
        <main aria-label={t.call.stage} className="flex min-h-0 grow flex-col gap-2 px-2 sm:px-3">
          <h1 className="sr-only">{t.call.callTitle}</h1>
          <div className="relative min-h-0 grow">
            <ViewContext value={call.view}>
              <Stage snapshot={snapshot} />
            </ViewContext>
            <SelfView snapshot={snapshot} />
            <Comings participants={snapshot.participants} you={snapshot.you} />
            {preferences.shown && snapshot.startedAt !== null && (
              <CaptionOverlay captions={captions} startedAt={snapshot.startedAt} names={names} size={preferences.size} />
            )}
          </div>
          {/* Below the stage: what has a button must not lie under captions. */}
          <DeviceNotices call={call} local={local} />
          <RemoteSound media={snapshot.media} output={snapshot.output} />
          <CaptionAnnouncer captions={captions} names={names} />
        </main>
        <CallBar snapshot={snapshot} captions={preferences} transcriptShown={transcriptShown} actions={actions} />
      </div>
      {transcriptShown && <TranscriptPanel captions={captions} names={names} onClose={() => setTranscriptShown(false)} />}
      <DevicesDialog call={call} snapshot={snapshot} open={dialog === "devices"} onClose={close} />
      <ShortcutsDialog open={dialog === "shortcuts"} onClose={close} />
      <InviteDialog consultationId={consultationId} open={dialog === "invite"} onClose={close} />
      <LeaveDialog call={call} consultationId={consultationId} open={dialog === "leave"} onClose={close} />
    </CallRoot>
  );
}

/** The peer connection hangs on the element as `peerConnection`: what support and tests look at. */
function CallRoot({ connection, children }: { connection: RTCPeerConnection | null; children: ReactNode }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (root.current) Object.assign(root.current, { peerConnection: connection });
  }, [connection]);
  return (
    <div ref={root} data-testid="call-root" className="relative flex h-dvh overflow-hidden">
      {children}
    </div>
  );
}

function Header({ snapshot: { participants, you, startedAt } }: { snapshot: CallSnapshot }) {
  const now = useNow(1_000);
  const others = participants.filter(({ id }) => id !== you).map(({ name }) => name);
  return (
    <header className="flex items-center justify-between gap-4 px-4 py-2 text-sm">
      <p className="truncate font-semibold">{others.length === 0 ? t.call.callTitle : t.call.with(others)}</p>
      {startedAt !== null && (
        <time aria-label={t.call.elapsed(position(now - startedAt))} className="text-ink-soft">
          {position(now - startedAt)}
        </time>
      )}
    </header>
  );
}
