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
  body?: unknown;
  signal?: AbortSignal;
  /** A 401 is an answer to this request, not the end of the session. */
  authenticates?: boolean;
}

let csrfToken: string | null = null;
let onSignedOut: () => void = () => undefined;

/** The value that sign-in or `GET /api/v1/session` gave. */
export function setCsrfToken(token: string | null) {
  csrfToken = token;
}

/** Called when the server no longer knows our session. */
export function whenSignedOut(listener: () => void) {
  onSignedOut = listener;
}

/** `T` is the view that docs/API.md promises for this route; `undefined` for 204. */
export async function request<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrfToken !== null) headers["x-csrf-token"] = csrfToken;

  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(options.signal && { signal: options.signal }),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("server_unreachable", "no answer", 0);
  }
  if (response.ok) return await answerOf<T>(response);
  const error = await errorOf(response);
  if (response.status === 401 && !options.authenticates) onSignedOut();
  throw error;
}

async function answerOf<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
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
