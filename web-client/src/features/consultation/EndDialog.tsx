import type { ConsultationView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Confirm } from "../../ui/Confirm";
import { useStep } from "./queries";

interface EndDialogProps {
  consultation: Pick<ConsultationView, "id">;
  open: boolean;
  onClose: () => void;
  /** After the server has ended it. */
  onEnded?: () => void;
}

/** The doctor ends the consultation for everyone. */
export function EndDialog({ consultation, open, onClose, onEnded }: EndDialogProps) {
  const end = useStep("end");
  // Awaited rather than given as a callback: success may take this dialog off the page before it would run.
  const confirm = async () => {
    try {
      await end.mutateAsync(consultation.id);
    } catch {
      return; // Shown as the problem.
    }
    onClose();
    onEnded?.();
  };
  return (
    <Confirm
      open={open}
      title={t.consultation.endTitle}
      text={t.consultation.endText}
      confirm={t.consultation.endConfirm}
      keep={t.consultation.endKeep}
      busy={end.isPending}
      problem={end.isError ? t.errors[codeOf(end.error)] : undefined}
      onClose={() => {
        end.reset();
        onClose();
      }}
      onConfirm={() => void confirm()}
    />
  );
}
