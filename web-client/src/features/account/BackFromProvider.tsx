import { useEffect, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";

import { t } from "../../lib/i18n";
import { ownPath } from "../../lib/paths";
import { Banner } from "../../ui/Banner";
import { useToast } from "../../ui/Toast";
import { forgetLeaving, leftFrom } from "./confirmation";

/** Where a provider leads back to those who have proved there who they are: on to the page they had left, or, when they
 *  have not, to the reason in words. */
export function BackFromProvider() {
  const [search] = useSearchParams();
  const refusal = search.get("error");
  const [left] = useState(leftFrom);
  const navigate = useNavigate();
  const toast = useToast();
  useEffect(() => {
    if (left === null || leftFrom() === null) return;
    forgetLeaving();
    if (refusal !== null) return;
    toast({ tone: "ok", text: t.settings.confirmedElsewhere });
    void navigate(ownPath(left), { replace: true });
  }, [left, refusal, navigate, toast]);
  if (refusal === null) return null;
  const reasons: Record<string, string> = t.settings.confirmRefusals;
  return (
    <Banner tone="danger" live="alert" title={t.settings.confirmFailed}>
      {Object.hasOwn(reasons, refusal) ? reasons[refusal] : t.settings.confirmRefusals.other}
    </Banner>
  );
}
