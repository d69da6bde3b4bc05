import { useMutation, useQuery } from "@tanstack/react-query";

import { download, request } from "../../api/client";
import type { AuditPageView, AuditProofView } from "../../api/schema";
import { usePages } from "../../lib/pages";
import { isProven } from "../../lib/merkle";

export function useAudit(query: string) {
  return usePages<AuditPageView>(["admin", "audit", query], `/admin/audit${query === "" ? "" : `?${query}`}`);
}

export function useAuditExport() {
  return useMutation({
    mutationFn: ({ format, query }: { format: "csv" | "ndjson"; query: string }) =>
      download(`/admin/audit/export?format=${format}${query === "" ? "" : `&${query}`}`),
  });
}

/** The proof of one entry and whether it fits the checkpoint that comes with it. */
export function useAuditProof(seq: number) {
  return useQuery({
    queryKey: ["admin", "audit-proof", seq],
    queryFn: async ({ signal }) => {
      const proof = await request<AuditProofView>("GET", `/admin/audit/${seq}/proof`, { signal });
      return { proof, holds: await isProven(proof, proof.checkpoint) };
    },
  });
}
