import type { LucideIcon } from "lucide-react";
import { type ReactNode, useState } from "react";

import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { useToast } from "../../ui/Toast";

interface WayInProps {
  icon: LucideIcon;
  name: string;
  /** When it was made and used. */
  text: ReactNode;
  words: {
    remove: string;
    removeLabel: string;
    title: string;
    text: string;
    keep: string;
    removed: string;
    /** In place of the general words when the server says `conflict`. */
    conflict?: { title: string; action: string };
  };
  removal: { isPending: boolean; error: Error | null; reset: () => void };
  onRemove: () => Promise<unknown>;
}

/** A line of the list of ways to sign in. Asks before it is removed. */
export function WayIn({ icon: Icon, name, text, words, removal, onRemove }: WayInProps) {
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const confirm = async () => {
    try {
      await onRemove();
    } catch {
      return; // Shown as the problem.
    }
    toast({ tone: "ok", text: words.removed });
  };
  const code = removal.error && codeOf(removal.error);
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2.5">
      <Icon aria-hidden className="size-5 shrink-0 text-ink-soft" />
      <div className="min-w-0 flex-1 basis-40">
        <p className="font-semibold break-words">{name}</p>
        <p className="text-sm text-ink-soft">{text}</p>
      </div>
      <Button variant="quiet" aria-label={words.removeLabel} onClick={() => setAsking(true)}>
        {words.remove}
      </Button>
      <Confirm
        open={asking}
        title={words.title}
        text={words.text}
        confirm={words.remove}
        keep={words.keep}
        busy={removal.isPending}
        problem={code ? ((code === "conflict" && words.conflict) || t.errors[code]) : undefined}
        onConfirm={() => void confirm()}
        onClose={() => {
          removal.reset();
          setAsking(false);
        }}
      />
    </li>
  );
}
