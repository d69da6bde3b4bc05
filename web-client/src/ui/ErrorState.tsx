import { CloudOff, RotateCw, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import type { ErrorCode } from "../lib/errors";
import { t } from "../lib/i18n";
import { Button } from "./Button";

interface ErrorStateProps {
  code: ErrorCode;
  onRetry?: () => void;
  busy?: boolean;
  /** Other ways out, beside "Try again". */
  action?: ReactNode;
}

/** In place of what could not be shown: what happened, what is safe, what to do, and the code in small type. */
export function ErrorState({ code, onRetry, busy = false, action }: ErrorStateProps) {
  const text = t.errors[code];
  const Icon = code === "server_unreachable" ? CloudOff : TriangleAlert;
  return (
    <div role="alert" className="flex flex-col items-center gap-2 rounded-card border border-line bg-surface px-6 py-10 text-center">
      <span className="mb-1 inline-flex size-12 items-center justify-center rounded-full bg-danger-soft text-danger">
        <Icon aria-hidden className="size-6" />
      </span>
      <p className="text-lg font-semibold">{text.title}</p>
      <p className="max-w-md text-ink-soft">
        {text.safe} {text.action}
      </p>
      <div className="mt-3 flex flex-wrap justify-center gap-3">
        {onRetry && (
          <Button variant="secondary" icon={RotateCw} onClick={onRetry} busy={busy}>
            {t.ui.retry}
          </Button>
        )}
        {action}
      </div>
      <p className="text-sm text-ink-soft">{t.ui.errorCode(code)}</p>
    </div>
  );
}
