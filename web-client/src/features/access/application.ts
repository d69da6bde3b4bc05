import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, request } from "../../api/client";
import type { VerificationView } from "../../api/schema";

const APPLICATION = ["application"];

/** The doctor's own application; null before anything was handed in. */
export function useApplication() {
  return useQuery({
    queryKey: APPLICATION,
    queryFn: async ({ signal }) => {
      try {
        return await request<VerificationView>("GET", "/account/verification", { signal });
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

export function useSubmitLicence() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (file: File) => request<VerificationView>("POST", "/account/verification", { body: file }),
    onSuccess: (application) => client.setQueryData(APPLICATION, application),
  });
}
