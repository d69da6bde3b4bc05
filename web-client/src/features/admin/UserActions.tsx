import { LogOut, RotateCcw, Trash2, UserX } from "lucide-react";
import { useState } from "react";

import type { AdminUserView } from "../../api/schema";
import { codeOf } from "../../lib/errors";
import { t } from "../../lib/i18n";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Section } from "../../ui/Section";
import { useToast } from "../../ui/Toast";
import { EraseUserDialog } from "./EraseUserDialog";
import { type UserStep, useUserStep } from "./users";

type Asked = "deactivate" | "sign-out";

const WORDS: Record<Asked, { title: (name: string) => string; text: string; confirm: string; done: string }> = {
  deactivate: {
    title: t.admin.deactivateTitle,
    text: t.admin.deactivateText,
    confirm: t.admin.deactivate,
    done: t.admin.deactivated2,
  },
  "sign-out": { title: t.admin.signOutTitle, text: t.admin.signOutText, confirm: t.admin.signOut, done: t.admin.signedOut },
};

/** What ends or restores somebody's access. */
export function UserActions({ user }: { user: AdminUserView }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const [erasing, setErasing] = useState(false);
  return (
    <Section title={t.admin.userAccess} text={t.admin.sessionCount(user.sessions)}>
      <div className="flex flex-wrap gap-3">
        {user.state === "deactivated" ? (
          <Reactivate user={user} />
        ) : (
          <>
            <Button variant="secondary" icon={LogOut} onClick={() => setAsked("sign-out")}>
              {t.admin.signOut}
            </Button>
            <Button variant="secondary" icon={UserX} onClick={() => setAsked("deactivate")}>
              {t.admin.deactivate}
            </Button>
          </>
        )}
        <Button variant="danger" icon={Trash2} onClick={() => setErasing(true)}>
          {t.admin.erase}
        </Button>
      </div>
      {asked && <AskedStep key={asked} user={user} step={asked} onClose={() => setAsked(null)} />}
      <EraseUserDialog user={user} open={erasing} onClose={() => setErasing(false)} />
    </Section>
  );
}

function Reactivate({ user }: { user: AdminUserView }) {
  const step = useUserStep(user.id, "reactivate");
  const toast = useToast();
  const reactivate = () =>
    step.mutate(undefined, {
      onSuccess: () => toast({ tone: "ok", text: t.admin.reactivated }),
      onError: (error) => toast({ tone: "danger", text: `${t.admin.actionFailed}: ${t.errors[codeOf(error)].title}` }),
    });
  return (
    <Button icon={RotateCcw} busy={step.isPending} onClick={reactivate}>
      {t.admin.reactivate}
    </Button>
  );
}

function AskedStep({ user, step: name, onClose }: { user: AdminUserView; step: Asked & UserStep; onClose: () => void }) {
  const step = useUserStep(user.id, name);
  const toast = useToast();
  const words = WORDS[name];
  const confirm = async () => {
    try {
      await step.mutateAsync();
    } catch {
      return; // Shown as the problem.
    }
    onClose();
    toast({ tone: "ok", text: words.done });
  };
  return (
    <Confirm
      open
      title={words.title(user.name)}
      text={words.text}
      confirm={words.confirm}
      keep={t.admin.keep}
      busy={step.isPending}
      problem={step.isError ? t.errors[codeOf(step.error)] : undefined}
      onConfirm={() => void confirm()}
      onClose={onClose}
    />
  );
}
