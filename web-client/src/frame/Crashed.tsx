import { RotateCw, TriangleAlert } from "lucide-react";

import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { PlainFrame } from "./PlainFrame";

/** In place of a page that threw. */
export function Crashed() {
  usePageTitle(t.frame.crashedTitle);
  return (
    <PlainFrame>
      <div role="alert" className="m-auto w-full max-w-xl p-4">
        <EmptyState
          icon={TriangleAlert}
          title={t.frame.crashedTitle}
          action={
            <Button icon={RotateCw} onClick={() => window.location.reload()}>
              {t.frame.reload}
            </Button>
          }
        >
          {t.frame.crashedText}
        </EmptyState>
      </div>
    </PlainFrame>
  );
}
