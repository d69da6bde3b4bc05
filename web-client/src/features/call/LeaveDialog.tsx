import { useNavigate } from "react-router";

import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import type { Call } from "../../rtc/call";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { useStep } from "../consultation/queries";

interface LeaveDialogProps {
  call: Call;
  consultationId: string;
  open: boolean;
  onClose: () => void;
}

/** For the doctor: leaving and ending are different things. */
export function LeaveDialog({ call, consultationId, open, onClose }: LeaveDialogProps) {
  const end = useStep("end");
  const navigate = useNavigate();
  const problem = end.isError ? t.errors[codeOf(end.error)] : null;
  const endForEveryone = () => {
    end.mutate(consultationId, { onSuccess: () => void navigate(`/consultations/${consultationId}`) });
  };
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={t.call.leaveTitle}
      description={t.call.leaveText}
      actions={
        <>
          <Button variant="secondary" data-testid="btn-leave-only" onClick={() => call.leave()}>
            {t.call.leaveOnly}
          </Button>
          <Button variant="danger" data-testid="btn-end-for-everyone" busy={end.isPending} onClick={endForEveryone}>
            {t.call.endForEveryone}
          </Button>
        </>
      }
    >
      {problem && (
        <Banner tone="danger" live="alert" title={t.call.endFailed}>
          <p>
            {problem.title}. {problem.action}
          </p>
        </Banner>
      )}
    </Dialog>
  );
}
