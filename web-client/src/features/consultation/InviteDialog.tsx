import { zodResolver } from "@hookform/resolvers/zod";
import { Check, Copy, Link2 } from "lucide-react";
import { useRef, useState } from "react";
import { useForm } from "react-hook-form";
import { line, z } from "../../lib/validation";

import type { InviteView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";
import { useInvite } from "./queries";

interface InviteDialogProps {
  consultationId: string;
  open: boolean;
  onClose: () => void;
}

/** The doctor names a guest and gets a link that works once. The link is shown this one time and kept nowhere. */
export function InviteDialog({ consultationId, open, onClose }: InviteDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title={t.consultation.inviteTitle} description={t.consultation.inviteText}>
      <InviteSteps consultationId={consultationId} onClose={onClose} />
    </Dialog>
  );
}

interface Made {
  label: string;
  invite: InviteView;
}

function InviteSteps({ consultationId, onClose }: { consultationId: string; onClose: () => void }) {
  const [made, setMade] = useState<Made | null>(null);
  return made ? (
    <InviteLink made={made} onAnother={() => setMade(null)} onClose={onClose} />
  ) : (
    <InviteForm consultationId={consultationId} onMade={setMade} />
  );
}

const FORM = z.object({
  label: line(t.consultation.inviteMissing, 60, t.consultation.inviteLong),
});

function InviteForm({ consultationId, onMade }: { consultationId: string; onMade: (made: Made) => void }) {
  const create = useInvite(consultationId);
  const send = useSendOnce(create);
  const form = useForm<z.infer<typeof FORM>>({ resolver: zodResolver(FORM), defaultValues: { label: "" } });
  const submit = form.handleSubmit(({ label }) => {
    send(label, { onSuccess: (invite) => onMade({ label, invite }) });
  });
  const problem = create.isError ? t.errors[codeOf(create.error)] : null;
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary
        key={create.submittedAt}
        title={t.consultation.inviteFailed}
        problems={problem ? [{ message: `${problem.title}. ${problem.action}` }] : []}
      />
      <div className="flex flex-col gap-3">
        <TextField
          label={t.consultation.inviteLabel}
          hint={t.consultation.inviteHint}
          autoComplete="off"
          error={form.formState.errors.label?.message}
          {...form.register("label")}
        />
        <div className="flex flex-wrap gap-2">
          {t.consultation.inviteLabels.map((label) => (
            <button
              key={label}
              type="button"
              onClick={() => form.setValue("label", label, { shouldValidate: true })}
              className="min-h-11 rounded-full border border-line-strong px-4 text-sm font-semibold hover:bg-raised"
            >
              {label}
            </button>
          ))}
        </div>
      </div>
      <Button type="submit" icon={Link2} busy={create.isPending} className="self-end">
        {t.consultation.inviteCreate}
      </Button>
    </form>
  );
}

interface InviteLinkProps {
  made: Made;
  onAnother: () => void;
  onClose: () => void;
}

function InviteLink({ made, onAnother, onClose }: InviteLinkProps) {
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<"not yet" | "yes" | "blocked">("not yet");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(made.invite.url);
      setCopied("yes");
    } catch {
      field.current?.select();
      setCopied("blocked");
    }
  };
  return (
    <div className="flex flex-col gap-5">
      <TextField
        ref={field}
        label={t.consultation.inviteLink(made.label)}
        hint={t.consultation.inviteOnce}
        readOnly
        value={made.invite.url}
        onFocus={(event) => event.currentTarget.select()}
        className="font-mono text-sm"
      />
      <p role="status" className="text-sm font-medium text-wait empty:hidden">
        {copied === "blocked" && t.consultation.inviteCopyFailed}
      </p>
      <div className="flex flex-wrap justify-end gap-3">
        <Button variant="quiet" onClick={onAnother}>
          {t.consultation.inviteAnother}
        </Button>
        <Button variant="secondary" onClick={onClose}>
          {t.consultation.inviteDone}
        </Button>
        <Button icon={copied === "yes" ? Check : Copy} onClick={() => void copy()}>
          <span aria-live="polite">{copied === "yes" ? t.consultation.inviteCopied : t.consultation.inviteCopy}</span>
        </Button>
      </div>
    </div>
  );
}
