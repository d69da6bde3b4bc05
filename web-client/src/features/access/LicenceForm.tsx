import { Upload } from "lucide-react";
import { useState } from "react";

import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";
import { useToast } from "../../ui/Toast";
import { useSubmitLicence } from "./application";

const TYPES = ["application/pdf", "image/png", "image/jpeg"];
const LARGEST = 10 * 1024 * 1024;

/** Hands in one document. */
export function LicenceForm() {
  const handIn = useSubmitLicence();
  const send = useSend(handIn);
  const toast = useToast();
  const [attempt, setAttempt] = useState(0);
  const [file, setFile] = useState<File | null>(null);
  const wrong =
    file === null ? t.access.licenceMissing : TYPES.includes(file.type) && file.size <= LARGEST ? null : t.access.licenceWrong;
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    setAttempt((before) => before + 1);
    if (wrong === null && file !== null) {
      send(file, { onSuccess: () => toast({ tone: "ok", text: t.access.licenceDone }) });
    }
  };
  const refused = handIn.error && codeOf(handIn.error);
  // The server looks into the file, not at its name.
  const unfit = refused === "invalid_input" ? t.access.licenceWrong : attempt > 0 ? wrong : null;
  const message = unfit ?? (refused && `${t.errors[refused].title}. ${t.errors[refused].action}`);
  return (
    <form noValidate onSubmit={submit} className="flex flex-col gap-5">
      <ErrorSummary
        key={attempt}
        title={t.access.licenceFailed}
        problems={message ? [{ field: "licence", message }] : []}
      />
      <TextField
        id="licence"
        type="file"
        accept={TYPES.join(",")}
        label={t.access.licence}
        hint={t.access.licenceHint}
        error={unfit ?? undefined}
        className="file:mr-3 file:rounded-sm file:border-0 file:bg-raised file:px-3 file:py-1 file:font-semibold file:text-ink"
        onChange={(event) => {
          handIn.reset();
          setFile(event.currentTarget.files?.[0] ?? null);
        }}
      />
      <Button type="submit" icon={Upload} busy={handIn.isPending} className="self-start">
        {t.access.licenceSubmit}
      </Button>
    </form>
  );
}
