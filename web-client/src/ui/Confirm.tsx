import type { ReactNode } from "react";

import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { ErrorSummary } from "./ErrorSummary";

interface ConfirmProps {
  open: boolean;
  title: string;
  text: ReactNode;
  /** Names the act, never just "OK". */
  confirm: string;
  keep: string;
  busy: boolean;
  /** Why the last try failed. */
  problem?: { title: string; action: string } | undefined;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before what cannot be undone. */
export function Confirm({ open, title, text, confirm, keep, busy, problem, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={title}
      description={text}
      actions={
        <>
          <Button variant="secondary" onClick={onClose}>
            {keep}
          </Button>
          <Button variant="danger" busy={busy} onClick={onConfirm}>
            {confirm}
          </Button>
        </>
      }
    >
      {problem && <ErrorSummary title={problem.title} problems={[{ message: problem.action }]} />}
    </Dialog>
  );
}
