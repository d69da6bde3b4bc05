import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, request } from "../../api/client";
import type {
  ConsultationView,
  DoctorView,
  InviteView,
  RequestConsultation,
  StatusView,
  TranscriptView,
} from "../../api/schema";
import { usePollInterval } from "../live/connection";

const LIST = ["consultations"];
const one = (id: string) => [...LIST, id];

/** When nothing is open that others could change. */
const IDLE_POLL_MS = 30_000;

export function isOpen(consultation: ConsultationView): boolean {
  return ["requested", "accepted", "active"].includes(consultation.state);
}

/** The caller's consultations, newest first; a doctor's also hold the queue. `watch`: also what is not there yet matters. */
export function useConsultations(watch: boolean) {
  const poll = usePollInterval();
  return useQuery({
    queryKey: LIST,
    queryFn: ({ signal }) => request<ConsultationView[]>("GET", "/consultations", { signal }),
    refetchInterval: ({ state }) => (watch || state.data?.some(isOpen) ? poll : IDLE_POLL_MS),
    // The tab's title tells people who wait in another tab.
    refetchIntervalInBackground: true,
  });
}

/** Each answer leaves an entry in the patient's access log, so it is asked for when it has changed. */
export function useConsultation(id: string) {
  const client = useQueryClient();
  const poll = usePollInterval();
  return useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => request<ConsultationView>("GET", `/consultations/${encodeURIComponent(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && isOpen(state.data) ? poll : false),
    refetchIntervalInBackground: true,
    refetchOnWindowFocus: false,
    placeholderData: () => client.getQueryData<ConsultationView[]>(LIST)?.find((each) => each.id === id),
  });
}

/** What the patient wrote: lists do not hold it, so that the access log can say who read whose. It never changes. */
export function useReason(id: string, wanted: boolean) {
  return useQuery({
    queryKey: ["reason", id],
    queryFn: async ({ signal }) =>
      (await request<ConsultationView>("GET", `/consultations/${encodeURIComponent(id)}`, { signal })).reason,
    enabled: wanted,
    staleTime: Infinity,
  });
}

/** Doctors who can be asked. */
export function useDoctors() {
  return useQuery({
    queryKey: ["doctors"],
    queryFn: ({ signal }) => request<DoctorView[]>("GET", "/doctors", { signal }),
    refetchInterval: 15_000,
  });
}

/** Complete once the consultation is: a server ends it only when the last words are kept. */
export function useTranscript(id: string) {
  return useQuery({
    queryKey: ["transcript", id],
    queryFn: ({ signal }) =>
      request<TranscriptView>("GET", `/consultations/${encodeURIComponent(id)}/transcript`, { signal }),
    refetchOnWindowFocus: false,
  });
}

export function useStatus() {
  return useQuery({
    queryKey: ["status"],
    queryFn: ({ signal }) => request<StatusView>("GET", "/status", { signal }),
    staleTime: 60_000,
  });
}

export function useRequestConsultation() {
  const settle = useSettle();
  return useMutation({
    mutationFn: (body: RequestConsultation) => request<ConsultationView>("POST", "/consultations", { body }),
    ...settle,
  });
}

type Step = "accept" | "start" | "end" | "cancel";

/** Moves a consultation on. After a refusal the lists show where it really stands. */
export function useStep(step: Step) {
  const settle = useSettle();
  return useMutation({
    mutationFn: (id: string) => request<ConsultationView>("POST", `/consultations/${encodeURIComponent(id)}/${step}`),
    ...settle,
  });
}

export function useInvite(id: string) {
  return useMutation({
    mutationFn: (label: string) =>
      request<InviteView>("POST", `/consultations/${encodeURIComponent(id)}/invites`, { body: { label } }),
  });
}

/** Puts the answer into every list at once, then asks the server again. */
function useSettle() {
  const client = useQueryClient();
  return {
    onSuccess: (changed: ConsultationView) => {
      client.setQueryData(one(changed.id), changed);
      client.setQueryData<ConsultationView[]>(LIST, (before) => {
        if (!before) return before;
        const known = before.some((each) => each.id === changed.id);
        return known ? before.map((each) => (each.id === changed.id ? changed : each)) : [changed, ...before];
      });
    },
    onSettled: (_changed: ConsultationView | undefined, error: Error | null) => {
      if (error instanceof ApiError && error.code === "server_unreachable") return;
      void client.invalidateQueries({ queryKey: LIST });
    },
  };
}
