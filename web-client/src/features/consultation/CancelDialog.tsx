import type { ConsultationView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Confirm } from "../../ui/Confirm";
import { useToast } from "../../ui/Toast";
import { useStep } from "./queries";

interface CancelDialogProps {
  consultation: ConsultationView;
  by: "patient" | "doctor";
  open: boolean;
  onClose: () => void;
}

export function CancelDialog({ consultation, by, open, onClose }: CancelDialogProps) {
  const cancel = useStep("cancel");
  const toast = useToast();
  // Awaited rather than given as a callback: success takes this dialog off the page before it would run.
  const confirm = async () => {
    try {
      await cancel.mutateAsync(consultation.id);
    } catch {
      return; // Shown as the problem.
    }
    onClose();
    toast({ tone: "ok", text: t.consultation.cancelled });
  };
  const text = t.consultation.cancelText;
  return (
    <Confirm
      open={open}
      title={t.consultation.cancelTitle}
      text={by === "patient" ? text.patient : text.doctor(consultation.patient.name)}
      confirm={t.consultation.cancelConfirm}
      keep={t.consultation.cancelKeep}
      busy={cancel.isPending}
      problem={cancel.isError ? t.errors[codeOf(cancel.error)] : undefined}
      onClose={() => {
        cancel.reset();
        onClose();
      }}
      onConfirm={() => void confirm()}
    />
  );
}
