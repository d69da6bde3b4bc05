import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { PasskeyView } from "../../api/schema";
import { type Challenge, createPasskey, type CreationOptions } from "../../lib/webauthn";
import { useRefreshAccount } from "./account";

const PASSKEYS = ["passkeys"];

export function usePasskeys() {
  return useQuery({
    queryKey: PASSKEYS,
    queryFn: ({ signal }) => request<PasskeyView[]>("GET", "/account/passkeys", { signal }),
  });
}

export function useAddPasskey() {
  const refresh = useRefreshPasskeys();
  return useMutation({
    mutationFn: async (label: string) => {
      const asked = await request<Challenge<CreationOptions>>("POST", "/account/passkeys/challenge");
      const credential = await createPasskey(asked.options);
      const body = { challenge_id: asked.challenge_id, label, credential };
      return request<PasskeyView>("POST", "/account/passkeys", { body });
    },
    onSuccess: refresh,
  });
}

export function useRemovePasskey() {
  const refresh = useRefreshPasskeys();
  return useMutation({
    mutationFn: (id: string) => request<undefined>("DELETE", `/account/passkeys/${encodeURIComponent(id)}`),
    onSettled: refresh,
  });
}

function useRefreshPasskeys() {
  const client = useQueryClient();
  const refreshAccount = useRefreshAccount();
  return async () => {
    await Promise.all([client.invalidateQueries({ queryKey: PASSKEYS }), refreshAccount()]);
  };
}
