import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";

import { request } from "../api/client";

interface Page {
  items: unknown[];
  /** The cursor that leads on; null on the last page. */
  next: string | null;
}

/** A list that the server gives a page at a time. `path` may hold a query already. */
export function usePages<P extends Page>(queryKey: QueryKey, path: string) {
  return useInfiniteQuery({
    queryKey,
    initialPageParam: "",
    queryFn: ({ signal, pageParam }) => {
      const cursor = pageParam === "" ? "" : `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(pageParam)}`;
      return request<P>("GET", `${path}${cursor}`, { signal });
    },
    getNextPageParam: (page: P) => page.next ?? undefined,
  });
}
