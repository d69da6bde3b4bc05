import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { download, request } from "../../api/client";
import type { AccountView, DeviceView, RecoveryCodesView, TotpView } from "../../api/schema";
import { useUser } from "../session/RequireSession";
import { changeUser, refreshSession, useLeave } from "../session/session";

const ACCOUNT = ["account"];
const DEVICES = ["devices"];

/** Guests have no account. */
export function useAccount() {
  const { role } = useUser();
  return useQuery({
    queryKey: ACCOUNT,
    enabled: role !== "guest",
    queryFn: ({ signal }) => request<AccountView>("GET", "/account", { signal }),
  });
}

/** After a change: what is shown of the account, and what its owner still has to do. */
export function useRefreshAccount() {
  const client = useQueryClient();
  return async () => {
    await Promise.all([client.invalidateQueries({ queryKey: ACCOUNT }), refreshSession(client)]);
  };
}

export function useSaveProfile() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; specialty: string }) => request<AccountView>("PUT", "/account", { body }),
    onSuccess: (account) => {
      client.setQueryData(ACCOUNT, account);
      changeUser(client, account.user);
    },
  });
}

/** `null` removes it. */
export function useSetPicture() {
  const refresh = useRefreshAccount();
  return useMutation({
    mutationFn: (picture: Blob | null) =>
      picture === null
        ? request<undefined>("DELETE", "/account/picture")
        : request<undefined>("PUT", "/account/picture", { body: picture }),
    onSuccess: refresh,
  });
}

export function useChangePassword() {
  const client = useQueryClient();
  const refresh = useRefreshAccount();
  return useMutation({
    mutationFn: (body: { current: string; new: string }) =>
      request<undefined>("PUT", "/account/password", { body }),
    onSuccess: async () => {
      await Promise.all([refresh(), client.invalidateQueries({ queryKey: DEVICES })]);
    },
  });
}

export function useStartTotp() {
  return useMutation({ mutationFn: () => request<TotpView>("POST", "/account/totp") });
}

export function useConfirmTotp() {
  const refresh = useRefreshAccount();
  return useMutation({
    mutationFn: (code: string) =>
      request<RecoveryCodesView>("POST", "/account/totp/confirm", { body: { code } }),
    onSuccess: refresh,
  });
}

export function useRemoveTotp() {
  const refresh = useRefreshAccount();
  return useMutation({ mutationFn: () => request<undefined>("DELETE", "/account/totp"), onSuccess: refresh });
}

export function useRenewRecoveryCodes() {
  const refresh = useRefreshAccount();
  return useMutation({
    mutationFn: () => request<RecoveryCodesView>("POST", "/account/recovery-codes"),
    onSuccess: refresh,
  });
}

export function useDevices() {
  return useQuery({
    queryKey: DEVICES,
    queryFn: ({ signal }) => request<DeviceView[]>("GET", "/account/sessions", { signal }),
  });
}

export function useEndDevice() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<undefined>("DELETE", `/account/sessions/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: DEVICES }),
  });
}

/** This device too. */
export function useEndAllDevices() {
  return useLeave(() => request<undefined>("DELETE", "/account/sessions"));
}

export function useExport() {
  return useMutation({ mutationFn: () => download("/account/export") });
}

export function useErase() {
  return useLeave((confirm: string) => request<undefined>("POST", "/account/erase", { body: { confirm } }));
}

export function useResendVerification() {
  return useMutation({ mutationFn: () => request<undefined>("POST", "/email-verification/resend") });
}
