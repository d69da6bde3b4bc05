import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { LinkedProviderView } from "../../api/schema";

const PROVIDERS = ["providers"];

export function useLinkedProviders() {
  return useQuery({
    queryKey: PROVIDERS,
    queryFn: ({ signal }) => request<LinkedProviderView[]>("GET", "/account/providers", { signal }),
  });
}

export function useUnlinkProvider() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<undefined>("DELETE", `/account/providers/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: PROVIDERS }),
  });
}
