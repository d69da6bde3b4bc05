import { Download, Trash2 } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { saveFile } from "../../lib/save";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Section } from "../../ui/Section";
import { useToast } from "../../ui/Toast";
import { useUser } from "../session/RequireSession";
import { useErase, useExport } from "./account";
import { EraseDialog } from "./EraseDialog";

export function ExportSection() {
  const get = useExport();
  const problem = get.error && t.errors[codeOf(get.error)];
  return (
    <Section title={t.settings.exportTitle} text={t.settings.exportText}>
      <ErrorSummary
        key={get.submittedAt}
        title={t.settings.exportFailed}
        problems={problem ? [{ message: `${problem.title}. ${problem.action}` }] : []}
      />
      <Button
        variant="secondary"
        icon={Download}
        busy={get.isPending}
        className="self-start"
        onClick={() => get.mutate(undefined, { onSuccess: (data) => saveFile(data, t.settings.exportFile) })}
      >
        {t.settings.export}
      </Button>
    </Section>
  );
}

export function EraseSection() {
  const { email } = useUser();
  const erase = useErase();
  const toast = useToast();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const confirm = async (typed: string) => {
    await erase.mutateAsync(typed);
    toast({ tone: "ok", text: t.settings.erased });
    await navigate("/", { replace: true });
  };
  return (
    <Section title={t.settings.eraseTitle} text={t.settings.eraseText}>
      <Button variant="danger" icon={Trash2} className="self-start" onClick={() => setAsking(true)}>
        {t.settings.erase}
      </Button>
      <EraseDialog
        open={asking}
        onClose={() => setAsking(false)}
        email={email}
        words={{
          title: t.settings.eraseDialogTitle,
          text: t.settings.eraseDialogText,
          label: t.settings.eraseConfirmLabel(email),
          wrong: t.settings.eraseConfirmWrong,
          failed: t.settings.eraseFailed,
          confirm: t.settings.eraseConfirm,
          keep: t.settings.eraseKeep,
        }}
        error={erase.error}
        busy={erase.isPending}
        onConfirm={confirm}
      />
    </Section>
  );
}
