import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { NoticeView } from "../../api/schema";
import { t } from "../../lib/i18n";

const NOTICES = ["notices"];

/** Newest first; live events ask again when there is a new one. */
export function useNotices() {
  return useQuery({
    queryKey: NOTICES,
    queryFn: ({ signal }) => request<NoticeView[]>("GET", "/notices", { signal }),
    refetchInterval: 60_000,
  });
}

export function useSeeNotice() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<undefined>("POST", `/notices/${encodeURIComponent(id)}/seen`),
    onSettled: () => client.invalidateQueries({ queryKey: NOTICES }),
  });
}

export function noticeText({ kind }: NoticeView): string {
  const kinds: Record<string, string> = t.access.noticeKinds;
  return Object.hasOwn(kinds, kind) ? (kinds[kind] ?? t.access.noticeOther) : t.access.noticeOther;
}

/** The page that a notice is about; null when there is nothing to open. */
export function noticePlace({ kind, subject }: NoticeView, role: string): string | null {
  if (kind.startsWith("break_glass")) {
    if (role === "admin") return "/admin/emergency-access";
    return role === "patient" ? "/settings/privacy" : null;
  }
  if (kind.startsWith("verification")) return role === "admin" ? "/admin/verifications" : "/application";
  if (kind === "consultation_assigned") return `/consultations/${subject}`;
  return ["token_reused", "passkey_copied", "oidc_linked"].includes(kind) ? "/settings/security" : null;
}
