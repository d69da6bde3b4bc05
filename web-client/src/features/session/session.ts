import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, request, setCsrfToken } from "../../api/client";
import type { Availability, GuestSessionView, GuestSignIn, SessionView, SignIn, UserView } from "../../api/schema";

const SESSION = ["session"];

/** Where a guest's one consultation is remembered, for a reload. */
const GUEST_CONSULTATION = "auscult.guest.consultation";

/** Who is signed in; `null` when nobody is. */
export function useSession() {
  return useQuery({
    queryKey: SESSION,
    staleTime: Infinity,
    queryFn: async ({ signal }): Promise<UserView | null> => {
      try {
        const session = await request<SessionView>("GET", "/session", { signal, authenticates: true });
        return enter(session);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
  });
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: SignIn) => request<SessionView>("POST", "/session", { body, authenticates: true }),
    onSuccess: (session) => replaceUser(client, enter(session)),
  });
}

export function useGuestSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: GuestSignIn) => request<GuestSessionView>("POST", "/session/guest", { body, authenticates: true }),
    onSuccess: ({ session, consultation_id: consultation }) => {
      sessionStorage.setItem(GUEST_CONSULTATION, consultation);
      replaceUser(client, enter(session));
    },
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<undefined>("DELETE", "/session", { authenticates: true }),
    onSuccess: () => {
      sessionStorage.removeItem(GUEST_CONSULTATION);
      forgetSession(client);
    },
  });
}

export function useSetAvailability() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (availability: Availability) => request<UserView>("PUT", "/availability", { body: { availability } }),
    onSuccess: (user) => client.setQueryData(SESSION, user),
  });
}

export function guestConsultation(): string | null {
  return sessionStorage.getItem(GUEST_CONSULTATION);
}

/** Forgets the session that the server no longer knows. */
export function forgetSession(client: QueryClient) {
  setCsrfToken(null);
  replaceUser(client, null);
}

/** Nothing that one person saw may be shown to the next. */
function replaceUser(client: QueryClient, user: UserView | null) {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION[0] });
  client.setQueryData(SESSION, user);
}

function enter(session: SessionView): UserView {
  setCsrfToken(session.csrf_token);
  return session.user;
}
