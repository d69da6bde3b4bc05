import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { download, request } from "../../api/client";
import type { BreakGlassView, Finding, SecurityEventView, VerificationView } from "../../api/schema";

const VERIFICATIONS = ["admin", "verifications"];
const BREAK_GLASS = ["admin", "break-glass"];
const EVENTS = ["admin", "security-events"];
const DASHBOARD = ["dashboard"];

export type Waiting = "pending" | "open" | "all";

export function useVerifications(state: Waiting) {
  return useQuery({
    queryKey: [...VERIFICATIONS, state],
    queryFn: ({ signal }) => request<VerificationView[]>("GET", `/admin/verifications?state=${state}`, { signal }),
  });
}

export function useVerification(id: string) {
  return useQuery({
    queryKey: [...VERIFICATIONS, "one", id],
    queryFn: ({ signal }) => request<VerificationView>("GET", `/admin/verifications/${encodeURIComponent(id)}`, { signal }),
  });
}

/** The file itself: fetched when it is looked at, since every look leaves a trace. */
export function useDocument(id: string) {
  return useQuery({
    queryKey: [...VERIFICATIONS, "document", id],
    queryFn: ({ signal }) => download(`/admin/verifications/${encodeURIComponent(id)}/document`, signal),
    staleTime: Infinity,
    gcTime: 0,
  });
}

interface Decision {
  decision: "approve" | "reject";
  reason: string;
}

export function useDecide(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ decision, reason }: Decision) =>
      request<undefined>("POST", `/admin/verifications/${encodeURIComponent(id)}/${decision}`, { body: { reason } }),
    onSettled: () =>
      Promise.all([VERIFICATIONS, DASHBOARD].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

export function useBreakGlasses(state: Waiting) {
  return useQuery({
    queryKey: [...BREAK_GLASS, state],
    queryFn: ({ signal }) => request<BreakGlassView[]>("GET", `/admin/break-glass?state=${state}`, { signal }),
  });
}

export function useReview(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (finding: Finding) =>
      request<undefined>("POST", `/admin/break-glass/${encodeURIComponent(id)}/review`, { body: { finding } }),
    onSettled: () => Promise.all([BREAK_GLASS, DASHBOARD].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

export function useSecurityEvents(state: Waiting) {
  return useQuery({
    queryKey: [...EVENTS, state],
    queryFn: ({ signal }) => request<SecurityEventView[]>("GET", `/admin/security-events?state=${state}`, { signal }),
    refetchInterval: 30_000,
  });
}

export function useAcknowledge() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      request<undefined>("POST", `/admin/security-events/${encodeURIComponent(id)}/acknowledge`),
    onSettled: () => Promise.all([EVENTS, DASHBOARD].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}
