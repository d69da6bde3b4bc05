import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import type { AdminDashboardView, AdminUserPageView, AdminUserView, CreatedUserView, FoundPersonView, Role } from "../../api/schema";
import { usePages } from "../../lib/pages";

const USERS = ["admin", "users"];
const one = (id: string) => [...USERS, "one", id];
const path = (id: string) => `/admin/users/${encodeURIComponent(id)}`;

export interface UserFilter {
  q: string;
  role: string;
  state: string;
}

export function useUsers(filter: UserFilter) {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== "")).toString();
  return usePages<AdminUserPageView>([...USERS, filter], `/admin/users${query === "" ? "" : `?${query}`}`);
}

const account = (id: string) =>
  queryOptions({
    queryKey: one(id),
    queryFn: ({ signal }) => request<AdminUserView>("GET", path(id), { signal }),
  });

export function useAdminUser(id: string) {
  return useQuery(account(id));
}

/** Somebody's name: `known` where it was seen already, else from their account once `wanted`; until then the id. */
export function usePersonName(id: string, known: string | undefined, wanted: boolean): string {
  const asked = useQuery({ ...account(id), enabled: wanted && id !== "" && known === undefined, staleTime: Infinity });
  return known ?? asked.data?.name ?? id;
}

export interface NewUser {
  role: Role;
  name: string;
  email: string;
  specialty: string;
}

export function useCreateUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewUser) => request<CreatedUserView>("POST", "/admin/users", { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: USERS }),
  });
}

export function useChangeUser(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; specialty: string; role: Role }) =>
      request<AdminUserView>("PUT", path(id), { body }),
    onSuccess: (changed) => {
      client.setQueryData(one(id), changed);
      return client.invalidateQueries({ queryKey: USERS });
    },
  });
}

export type UserStep = "deactivate" | "reactivate" | "sign-out" | "erase";

export function useUserStep(id: string, step: UserStep) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<undefined>("POST", `${path(id)}/${step}`),
    onSettled: () => client.invalidateQueries({ queryKey: USERS }),
  });
}

/** People whose name begins like this; asks from the second letter on. */
export function useFoundPeople(q: string, role = "") {
  const query = new URLSearchParams({ q, ...(role !== "" && { role }) }).toString();
  return useQuery({
    queryKey: ["people", q, role],
    enabled: q.trim().length > 1 && !q.startsWith("usr_"),
    queryFn: ({ signal }) => request<FoundPersonView[]>("GET", `/users/search?${query}`, { signal }),
    staleTime: 60_000,
  });
}

export function useDashboard() {
  return useQuery({
    queryKey: ["dashboard"],
    queryFn: ({ signal }) => request<AdminDashboardView>("GET", "/dashboard", { signal }),
    refetchInterval: 30_000,
  });
}
