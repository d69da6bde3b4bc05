import { useNavigate } from "react-router";

import type { AdminUserView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { useToast } from "../../ui/Toast";
import { EraseDialog } from "../account/EraseDialog";
import { useUserStep } from "./users";

interface EraseUserDialogProps {
  user: AdminUserView;
  open: boolean;
  onClose: () => void;
}

export function EraseUserDialog({ user, open, onClose }: EraseUserDialogProps) {
  const erase = useUserStep(user.id, "erase");
  const toast = useToast();
  const navigate = useNavigate();
  const confirm = async () => {
    await erase.mutateAsync();
    toast({ tone: "ok", text: t.admin.erased });
    await navigate("/admin/users", { replace: true });
  };
  return (
    <EraseDialog
      open={open}
      onClose={onClose}
      email={user.email}
      words={{
        title: t.admin.eraseTitle(user.name),
        text: t.admin.eraseText,
        label: t.admin.eraseConfirmLabel(user.email),
        wrong: t.admin.eraseConfirmWrong,
        failed: t.admin.eraseFailed,
        confirm: t.admin.erase,
        keep: t.admin.keep,
      }}
      error={erase.error}
      busy={erase.isPending}
      onConfirm={confirm}
    />
  );
}
