/** Every request to the server goes through here: CSRF header, typed errors, one place that notices a lost session. */

import { type ErrorCode, errorCode } from "../lib/errors";
import type { ErrorBody } from "./schema";

/** A refused or failed request. `message` is for developers; what people read comes from the locale by `code`. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** What is wrong with each field, in the server's words; only with `invalid_input`. */
    readonly fields: Readonly<Record<string, string>> = {},
    readonly requestId: string | null = null,
    /** How long to wait, when the server says so. */
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

interface Options {
  /** Sent as JSON; a `Blob` is sent as it is. */
  body?: unknown;
  signal?: AbortSignal;
  /** A 401 is an answer to this request, not the end of the session. */
  authenticates?: boolean;
}

let csrfToken: string | null = null;
let onSignedOut: () => void = () => undefined;
let confirmIdentity: () => Promise<boolean> = async () => false;

/** The value that sign-in or `GET /api/v1/session` gave. */
export function setCsrfToken(token: string | null) {
  csrfToken = token;
}

/** Called when the server no longer knows our session. */
export function whenSignedOut(listener: () => void) {
  onSignedOut = listener;
}

/** Called when a step needs a secret proved again. Resolves to whether it was; the request is then repeated. */
export function whenConfirmationNeeded(listener: () => Promise<boolean>) {
  confirmIdentity = listener;
}

/** `T` is the view that docs/API.md promises for this route; `undefined` where it has no body. */
export async function request<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  return answerOf<T>(await exchange(method, path, options));
}

/** A file that needs the session to be read: it comes whole into memory. */
export async function download(path: string, signal?: AbortSignal): Promise<Blob> {
  const response = await exchange("GET", path, signal ? { signal } : {});
  return response.blob();
}

/** Throws `ApiError` unless the request succeeded. */
async function exchange(method: Method, path: string, options: Options): Promise<Response> {
  let response = await send(method, path, options);
  let error = response.ok ? null : await errorOf(response);
  if (error?.code === "reauthenticate" && (await confirmIdentity())) {
    response = await send(method, path, options);
    error = response.ok ? null : await errorOf(response);
  }
  if (error === null) return response;
  if (error.status === 401 && !options.authenticates) onSignedOut();
  throw error;
}

async function send(method: Method, path: string, { body, signal }: Options): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = body instanceof Blob ? body.type : "application/json";
  if (method !== "GET" && csrfToken !== null) headers["x-csrf-token"] = csrfToken;
  try {
    return await fetch(`/api/v1${path}`, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      ...(body !== undefined && { body: body instanceof Blob ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("server_unreachable", "no answer", 0);
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (text === "") return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError("unexpected", "the answer is not JSON", response.status);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const wait = Number(response.headers.get("retry-after"));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
  if (!isErrorBody(body)) {
    // A proxy in between answered, not our server.
    const code = response.status >= 502 && response.status <= 504 ? "server_unreachable" : "unexpected";
    return new ApiError(code, response.statusText, response.status, {}, null, retryAfter);
  }
  const { code, message, fields, request_id: requestId } = body.error;
  return new ApiError(errorCode(code), message, response.status, fields ?? {}, requestId, retryAfter);
}

function isErrorBody(body: unknown): body is ErrorBody {
  return (
    typeof body === "object" &&
    body !== null &&
    "error" in body &&
    typeof body.error === "object" &&
    body.error !== null &&
    "code" in body.error &&
    typeof body.error.code === "string"
  );
}
