import { CircleCheck, Volume2 } from "lucide-react";
import { useState } from "react";

import { t } from "../../lib/i18n";
import { playTestSound } from "../../rtc/devices";
import { Button } from "../../ui/Button";

type Step = "idle" | "playing" | "asking" | "good" | "bad" | "failed";

const SAYS: Partial<Record<Step, string>> = {
  playing: t.call.testPlaying,
  asking: t.call.testHeard,
  good: t.call.testGood,
  bad: t.call.testBad,
  failed: t.call.testFailed,
};

/** Plays three notes and asks whether they were heard. */
export function SpeakerTest({ speaker }: { speaker: string | null }) {
  const [step, setStep] = useState<Step>("idle");
  const play = async () => {
    setStep("playing");
    try {
      await playTestSound(speaker);
      setStep("asking");
    } catch {
      setStep("failed");
    }
  };
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <Button variant="secondary" icon={Volume2} busy={step === "playing"} onClick={() => void play()}>
        {t.call.testSpeaker}
      </Button>
      <div role="status" className="flex flex-wrap items-center gap-2">
        {step === "good" && <CircleCheck aria-hidden className="size-5 text-ok" />}
        {SAYS[step]}
        {step === "asking" && (
          <>
            <Button variant="quiet" onClick={() => setStep("good")}>
              {t.call.testYes}
            </Button>
            <Button variant="quiet" onClick={() => setStep("bad")}>
              {t.call.testNo}
            </Button>
          </>
        )}
      </div>
    </div>
  );
}
