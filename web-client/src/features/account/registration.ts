import { useMutation, useQuery } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { Bootstrap, PolicyView, Register, RegisteredView } from "../../api/schema";

/** What this clinic lets visitors do, and which passwords it takes. */
export function usePolicy() {
  return useQuery({
    queryKey: ["policy"],
    queryFn: ({ signal }) => request<PolicyView>("GET", "/registrations/policy", { signal }),
    staleTime: 5 * 60_000,
  });
}

export function useRegister() {
  return useMutation({
    mutationFn: (body: Register) => request<RegisteredView>("POST", "/registrations", { body, authenticates: true }),
  });
}

export function useBootstrap() {
  return useMutation({
    mutationFn: (body: Bootstrap) => request<unknown>("POST", "/bootstrap", { body, authenticates: true }),
  });
}

export function useVerifyEmail() {
  return useMutation({
    mutationFn: (token: string) =>
      request<undefined>("POST", "/email-verification", { body: { token }, authenticates: true }),
  });
}

export function useAskForReset() {
  return useMutation({
    mutationFn: (email: string) => request<undefined>("POST", "/password-reset", { body: { email }, authenticates: true }),
  });
}

export function useResetPassword() {
  return useMutation({
    mutationFn: (body: { token: string; password: string }) =>
      request<undefined>("POST", "/password-reset/confirm", { body, authenticates: true }),
  });
}
