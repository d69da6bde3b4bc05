import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, request, setCsrfToken } from "../../api/client";
import type { Availability, ChangePassword, GuestSessionView, GuestSignIn, SecondStep, SecondStepView, SessionView, SignIn, UserView } from "../../api/schema";
import { type Challenge, provePasskey, type RequestOptions } from "../../lib/webauthn";

const SESSION = ["session"];

/** Where a guest's one consultation is remembered, for a reload. */
const GUEST_CONSULTATION = "auscult.guest.consultation";
let left = false;

/** Who is signed in; `null` when nobody is. */
export function useSession() {
  return useQuery({
    queryKey: SESSION,
    staleTime: Infinity,
    queryFn: async ({ signal }): Promise<SessionView | null> => {
      try {
        const session = await request<SessionView>("GET", "/session", { signal, authenticates: true });
        setCsrfToken(session.csrf_token);
        return session;
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
  });
}

/** A right password is enough, or asks for a second step. */
export function useSignIn() {
  const enter = useEnter();
  return useMutation({
    mutationFn: (body: SignIn) =>
      request<SessionView | SecondStepView>("POST", "/session", { body, authenticates: true }),
    onSuccess: (answer) => {
      if (!isSecondStep(answer)) enter(answer);
    },
  });
}

export function isSecondStep(answer: SessionView | SecondStepView): answer is SecondStepView {
  return "challenge" in answer;
}

/** `second-step.<challenge>.<method>…`, where single sign-on led the browser; else null. */
export function stepFromFragment(fragment: string): SecondStepView | null {
  const [what, challenge, ...names] = fragment.split(".");
  const methods = (["totp", "recovery", "passkey"] as const).filter((method) => names.includes(method));
  return what === "second-step" && challenge && methods.length > 0 ? { challenge, methods } : null;
}

export function useSecondStep() {
  const enter = useEnter();
  return useMutation({
    mutationFn: (body: SecondStep) =>
      request<SessionView>("POST", "/session/second-step", { body, authenticates: true }),
    onSuccess: enter,
  });
}

/** Replaces a password that was good for one sign-in only. */
export function useNewPassword() {
  const enter = useEnter();
  return useMutation({
    mutationFn: (body: ChangePassword) =>
      request<SessionView>("POST", "/session/password", { body, authenticates: true }),
    onSuccess: enter,
  });
}

export function usePasskeySignIn() {
  const enter = useEnter();
  return useMutation({
    mutationFn: async () => {
      const path = "/passkeys/challenge";
      const asked = await request<Challenge<RequestOptions>>("POST", path, { body: {}, authenticates: true });
      const credential = await provePasskey(asked.options);
      const body = { challenge_id: asked.challenge_id, credential };
      return request<SessionView>("POST", "/session/passkey", { body, authenticates: true });
    },
    onSuccess: enter,
  });
}

export function useGuestSignIn() {
  const enter = useEnter();
  return useMutation({
    mutationFn: (body: GuestSignIn) => request<GuestSessionView>("POST", "/session/guest", { body, authenticates: true }),
    onSuccess: ({ session, consultation_id: consultation }) => {
      sessionStorage.setItem(GUEST_CONSULTATION, consultation);
      enter(session);
    },
  });
}

export function useSignOut() {
  return useLeave(async () => {
    await request<undefined>("DELETE", "/session", { authenticates: true });
    sessionStorage.removeItem(GUEST_CONSULTATION);
  });
}

/** Ends this session because the person wants it. The server tells every open page as well, perhaps before it answers. */
export function useLeave<V = void>(send: (values: V) => Promise<void>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: send,
    onMutate: () => {
      left = true;
    },
    onError: () => {
      left = false;
    },
    onSuccess: () => forgetSession(client),
  });
}

export function useSetAvailability() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (availability: Availability) => request<UserView>("PUT", "/availability", { body: { availability } }),
    onSuccess: (user) => changeUser(client, user),
  });
}

export function guestConsultation(): string | null {
  return sessionStorage.getItem(GUEST_CONSULTATION);
}

/** The person's own name, specialty or availability is another now. */
export function changeUser(client: QueryClient, user: UserView) {
  client.setQueryData<SessionView | null>(SESSION, (session) => session && { ...session, user });
}

/** What the person still has to do may be another now. */
export function refreshSession(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: SESSION });
}

/** Forgets the session that the server no longer knows. */
export function forgetSession(client: QueryClient) {
  setCsrfToken(null);
  replaceSession(client, null);
}

/** Whether the person left by themselves: whoever signs in next has nothing to go on with. */
export function hasLeft(): boolean {
  return left;
}

function useEnter() {
  const client = useQueryClient();
  return (session: SessionView) => {
    left = false;
    setCsrfToken(session.csrf_token);
    replaceSession(client, session);
  };
}

/** Nothing that one person saw may be shown to the next. */
function replaceSession(client: QueryClient, session: SessionView | null) {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION[0] });
  client.setQueryData(SESSION, session);
}
