import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { ConsultationView } from "../../api/schema";

const OPEN = ["consultations", "open"];

/** Every consultation that is not over, without its reason. Live events ask again when one changes. */
export function useOpenConsultations() {
  return useQuery({
    queryKey: OPEN,
    queryFn: ({ signal }) => request<ConsultationView[]>("GET", "/consultations", { signal }),
    refetchInterval: 60_000,
  });
}

export function useAssign(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (doctor: string) =>
      request<ConsultationView>("POST", `/admin/consultations/${encodeURIComponent(id)}/assign`, {
        body: { doctor_id: doctor },
      }),
    onSettled: () => client.invalidateQueries({ queryKey: OPEN }),
  });
}
