import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { errorBody, TestServer } from "../test-server";
import { ApiError, request, setCsrfToken, whenConfirmationNeeded, whenSignedOut } from "./client";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(async () => {
  setCsrfToken(null);
  whenSignedOut(() => undefined);
  whenConfirmationNeeded(async () => false);
  await server.stop();
});

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.catch((caught: unknown) => caught);
  if (!(error instanceof ApiError)) throw new Error("expected an ApiError");
  return error;
}

describe("request", () => {
  it("sends the CSRF token with changes only", async () => {
    server.answer("GET /api/v1/consultations", { body: [] });
    server.answer("POST /api/v1/consultations", { status: 201, body: { id: "con_1" } });
    setCsrfToken("token-1");
    await request("GET", "/consultations");
    await expect(request("POST", "/consultations", { body: { reason: "knee" } })).resolves.toEqual({ id: "con_1" });
    expect(server.requests("GET /api/v1/consultations")[0]?.headers["x-csrf-token"]).toBeUndefined();
    const sent = server.requests("POST /api/v1/consultations")[0];
    expect(sent?.headers["x-csrf-token"]).toBe("token-1");
    expect(sent?.headers["content-type"]).toBe("application/json");
    expect(sent?.body).toEqual({ reason: "knee" });
  });

  it("has no value for 204", async () => {
    server.answer("DELETE /api/v1/session", { status: 204, body: "" });
    await expect(request("DELETE", "/session")).resolves.toBeUndefined();
  });

  it("carries code, fields and waiting time of a refusal", async () => {
    server.answer("POST /api/v1/consultations", { status: 422, body: errorBody("invalid_input", { reason: "too short" }) });
    server.answer("POST /api/v1/session", { status: 429, headers: { "retry-after": "30" }, body: errorBody("too_many_requests") });
    const invalid = await failure(request("POST", "/consultations", { body: {} }));
    expect([invalid.code, invalid.status, invalid.fields]).toEqual(["invalid_input", 422, { reason: "too short" }]);
    const limited = await failure(request("POST", "/session", { body: {} }));
    expect([limited.code, limited.retryAfterSeconds]).toEqual(["too_many_requests", 30]);
  });

  it("calls an unknown code unexpected", async () => {
    server.answer("GET /api/v1/status", { status: 418, body: errorBody("brewing") });
    expect((await failure(request("GET", "/status"))).code).toBe("unexpected");
  });

  it("takes a proxy's answer and no answer at all as an unreachable server", async () => {
    server.answer("GET /api/v1/status", { status: 502, body: "<h1>Bad gateway</h1>" });
    expect((await failure(request("GET", "/status"))).code).toBe("server_unreachable");
    await server.stop();
    const silent = await failure(request("GET", "/status"));
    expect([silent.code, silent.status]).toEqual(["server_unreachable", 0]);
  });

  it("tells of a lost session, but not when the request was an attempt to sign in", async () => {
    const signedOut = vi.fn<() => void>();
    whenSignedOut(signedOut);
    server.answer("POST /api/v1/session", { status: 401, body: errorBody("unauthenticated") });
    server.answer("GET /api/v1/consultations", { status: 401, body: errorBody("unauthenticated") });
    await failure(request("POST", "/session", { body: {}, authenticates: true }));
    expect(signedOut).not.toHaveBeenCalled();
    await failure(request("GET", "/consultations"));
    expect(signedOut).toHaveBeenCalledOnce();
  });

  it("repeats a dangerous step once the person has proved who they are", async () => {
    server.answer("DELETE /api/v1/account/totp", { status: 403, body: errorBody("reauthenticate") });
    whenConfirmationNeeded(async () => {
      server.answer("DELETE /api/v1/account/totp", { status: 204, body: "" });
      return true;
    });
    await request("DELETE", "/account/totp");
    expect(server.requests("DELETE /api/v1/account/totp")).toHaveLength(2);
  });

  it("gives a dangerous step up when the person does not confirm it", async () => {
    server.answer("DELETE /api/v1/account/totp", { status: 403, body: errorBody("reauthenticate") });
    whenConfirmationNeeded(async () => false);
    expect((await failure(request("DELETE", "/account/totp"))).code).toBe("reauthenticate");
    expect(server.requests("DELETE /api/v1/account/totp")).toHaveLength(1);
  });

  it("sends a file as it is", async () => {
    server.answer("PUT /api/v1/account/picture", { status: 204, body: "" });
    await request("PUT", "/account/picture", { body: new Blob(["not json"], { type: "image/png" }) });
    const sent = server.requests("PUT /api/v1/account/picture")[0];
    expect([sent?.headers["content-type"], sent?.body]).toEqual(["image/png", "not json"]);
  });
});
