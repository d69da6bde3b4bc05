import { zodResolver } from "@hookform/resolvers/zod";

import { problemsOf, useSummarisedForm } from "../../lib/form";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";

interface EraseWords {
  title: string;
  text: string;
  /** Says what to type. */
  label: string;
  /** What was typed is something else. */
  wrong: string;
  failed: string;
  confirm: string;
  keep: string;
}

interface EraseDialogProps {
  open: boolean;
  onClose: () => void;
  words: EraseWords;
  /** Of the account that goes; has to be typed. */
  email: string;
  error: Error | null;
  busy: boolean;
  /** May throw: `error` then says why. */
  onConfirm: (typed: string) => Promise<void>;
}

/** Asks by name before an account is gone for good. */
export function EraseDialog({ open, onClose, ...rest }: EraseDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title={rest.words.title} description={rest.words.text}>
      <EraseForm onClose={onClose} {...rest} />
    </Dialog>
  );
}

function EraseForm({ words, email, error, busy, onConfirm, onClose }: Omit<EraseDialogProps, "open">) {
  const same = z.refine<string>((typed) => typed.toLowerCase() === email.toLowerCase(), words.wrong);
  const form = z.object({ confirm: z.string().check(z.trim(), same) });
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(form), { confirm: "" });
  const send = useSend({ mutateAsync: onConfirm });
  const submit = handleSubmit(({ confirm }) => send(confirm));
  const problems = problemsOf(formState.errors, error);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={words.failed} problems={problems.all} />
      <TextField
        id="confirm"
        label={words.label}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        error={problems.of("confirm")}
        {...register("confirm")}
      />
      <div className="flex flex-wrap justify-end gap-3">
        <Button variant="secondary" onClick={onClose}>
          {words.keep}
        </Button>
        <Button type="submit" variant="danger" busy={busy}>
          {words.confirm}
        </Button>
      </div>
    </form>
  );
}
