import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { ConsultationView } from "../../api/schema";
import type { BreakGlassView, PatientView } from "../../api/trust";

const PATIENTS = ["patients"];

/** A doctor's patients: assigned, and those opened with emergency access. */
export function usePatients() {
  return useQuery({
    queryKey: PATIENTS,
    queryFn: ({ signal }) => request<PatientView[]>("GET", "/patients", { signal }),
  });
}

export type PatientRecord = PatientView & { consultations: ConsultationView[] };

export function usePatient(id: string) {
  return useQuery({
    queryKey: [...PATIENTS, id],
    queryFn: ({ signal }) => request<PatientRecord>("GET", `/patients/${encodeURIComponent(id)}`, { signal }),
  });
}

export function useOpenBreakGlass() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ patient, reason }: { patient: string; reason: string }) =>
      request<BreakGlassView>("POST", `/patients/${encodeURIComponent(patient)}/break-glass`, { body: { reason } }),
    onSuccess: () => client.invalidateQueries({ queryKey: PATIENTS }),
  });
}

export function useEndBreakGlass() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<undefined>("DELETE", `/break-glass/${encodeURIComponent(id)}`),
    onSuccess: () => client.invalidateQueries({ queryKey: PATIENTS }),
  });
}
