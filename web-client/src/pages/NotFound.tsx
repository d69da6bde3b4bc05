import { Compass } from "lucide-react";

import { PlainFrame } from "../frame/PlainFrame";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ButtonLink } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";

export function NotFound() {
  usePageTitle(t.frame.notFoundTitle);
  return (
    <PlainFrame>
      <div className="m-auto w-full max-w-xl p-4">
        <h1 className="sr-only">{t.frame.notFoundTitle}</h1>
        <EmptyState icon={Compass} title={t.frame.notFoundTitle} action={<ButtonLink to="/">{t.frame.notFoundHome}</ButtonLink>}>
          {t.frame.notFoundText}
        </EmptyState>
      </div>
    </PlainFrame>
  );
}
