import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { BreakGlassView, FoundPersonView, PatientRecordView, PatientView } from "../../api/schema";

const PATIENTS = ["patients"];

/** A doctor's patients: assigned, and those opened with emergency access. */
export function usePatients() {
  return useQuery({
    queryKey: PATIENTS,
    queryFn: ({ signal }) => request<PatientView[]>("GET", "/patients", { signal }),
  });
}

export function usePatient(id: string) {
  return useQuery({
    queryKey: [...PATIENTS, id],
    queryFn: ({ signal }) => request<PatientRecordView>("GET", `/patients/${encodeURIComponent(id)}`, { signal }),
  });
}

/** Patients of anybody whose whole name this is; each search leaves an entry in the audit trail. */
export function usePatientsNamed(name: string) {
  const query = new URLSearchParams({ q: name, emergency: "true" }).toString();
  return useQuery({
    queryKey: ["people", "emergency", name],
    enabled: name.length > 1 && !name.startsWith("usr_"),
    queryFn: ({ signal }) => request<FoundPersonView[]>("GET", `/users/search?${query}`, { signal }),
    staleTime: 60_000,
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
