/** Proving once more who one is, before a dangerous step. */
import { useMutation } from "@tanstack/react-query";
import { useLocation } from "react-router";

import { request } from "../../api/client";
import type { DepartureView } from "../../api/schema";
import { type Challenge, provePasskey, type RequestOptions } from "../../lib/webauthn";

/** Where the way back from a provider ends. */
const RETURN = "/settings/security";
const LEFT_FROM = "auscult.confirm.left-from";

export function useConfirmSecret() {
  return useMutation({
    mutationFn: (body: { password?: string; code?: string }) => request<undefined>("POST", "/session/confirm", { body }),
  });
}

export function useConfirmPasskey() {
  return useMutation({
    mutationFn: async () => {
      const asked = await request<Challenge<RequestOptions>>("POST", "/passkeys/challenge", { body: {} });
      const credential = await provePasskey(asked.options);
      const body = { passkey: { challenge_id: asked.challenge_id, credential } };
      return request<undefined>("POST", "/session/confirm", { body });
    },
  });
}

/** Leads the page to a provider; what was about to be done has to be done again afterwards. */
export function useConfirmElsewhere() {
  const { pathname, search } = useLocation();
  return useMutation({
    mutationFn: (provider: string) =>
      request<DepartureView>("POST", `/oidc/${encodeURIComponent(provider)}/confirm`),
    onSuccess: ({ address }) => {
      sessionStorage.setItem(LEFT_FROM, pathname === RETURN ? RETURN : pathname + search);
      window.location.assign(address);
    },
  });
}

/** The page that was left for a provider; `null` when none was. */
export function leftFrom(): string | null {
  return sessionStorage.getItem(LEFT_FROM);
}

export function forgetLeaving() {
  sessionStorage.removeItem(LEFT_FROM);
}
