import { Check, Copy, Download } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { t } from "../../lib/i18n";
import { saveFile } from "../../lib/save";
import { Button } from "../../ui/Button";
import { useUser } from "../session/RequireSession";

/** Shown once, right after they were made. Takes the focus: what the person did has led here. */
export function RecoveryCodes({ codes, onKept }: { codes: string[]; onKept: () => void }) {
  const { email } = useUser();
  const heading = useRef<HTMLHeadingElement>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => heading.current?.focus(), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
      setCopied(true);
    } catch {
      // The codes stand on the page and can be selected; the button simply does not say "Copied".
      setCopied(false);
    }
  };
  const download = () => {
    const text = `${t.settings.recoveryFile(email)}\n\n${codes.join("\n")}\n`;
    saveFile(new Blob([text], { type: "text/plain" }), "auscult-recovery-codes.txt");
  };
  return (
    <div className="flex flex-col gap-4 rounded-card border border-wait/40 bg-wait-soft p-4 sm:p-5">
      <div className="flex flex-col gap-1">
        <h3 ref={heading} tabIndex={-1} className="font-semibold outline-none">
          {t.settings.recoveryTitle}
        </h3>
        <p className="max-w-prose">{t.settings.recoveryText}</p>
      </div>
      <ul className="grid gap-x-8 gap-y-1 font-mono text-lg sm:grid-cols-2" data-testid="recovery-codes">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-3">
        <Button variant="secondary" icon={copied ? Check : Copy} onClick={() => void copy()}>
          <span aria-live="polite">{copied ? t.settings.recoveryCopied : t.settings.recoveryCopy}</span>
        </Button>
        <Button variant="secondary" icon={Download} onClick={download}>
          {t.settings.recoveryDownload}
        </Button>
        <Button onClick={onKept}>{t.settings.recoveryKept}</Button>
      </div>
    </div>
  );
}
