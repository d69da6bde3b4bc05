/** A provider of single sign-on on a loopback port (OpenID Connect Core 1.0): its pages, its keys, codes that work once
 *  and only with the right verifier, id tokens signed with ES256. Whoever comes is Ada, if they agree. */
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const CLIENT = "auscult";
const SECRET = "a secret between the two";

export class Provider {
  private readonly keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  private readonly grants = new Map<string, URLSearchParams>();

  private constructor(private readonly http: HttpServer) {
    http.on("request", (request: IncomingMessage, response: ServerResponse) => void this.answer(request, response));
  }

  static async start(): Promise<Provider> {
    const http = createServer();
    await new Promise<void>((resolve) => {
      http.listen(0, "127.0.0.1", resolve);
    });
    return new Provider(http);
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** For `AUSCULT_OIDC__PROVIDERS`. */
  get configuration(): string {
    return `[{id="hospital",name="Hospital account",issuer="${this.issuer}",client_id="${CLIENT}",client_secret="${SECRET}",register=true}]`;
  }

  async stop(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((resolve) => {
      this.http.close(resolve);
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.issuer);
    const json = (body: unknown, status = 200) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    if (pathname === "/.well-known/openid-configuration") {
      json({
        issuer: this.issuer,
        authorization_endpoint: `${this.issuer}/authorize`,
        token_endpoint: `${this.issuer}/token`,
        jwks_uri: `${this.issuer}/keys`,
      });
    } else if (pathname === "/keys") {
      json({ keys: [{ ...this.keys.publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "ES256" }] });
    } else if (pathname === "/authorize") {
      response.writeHead(200, { "Content-Type": "text/html" }).end(this.page(searchParams));
    } else if (pathname === "/token") {
      const tokens = this.exchange(request, new URLSearchParams(await bodyOf(request)));
      json(tokens ?? { error: "invalid_grant" }, tokens ? 200 : 400);
    } else {
      json({}, 404);
    }
  }

  /** What a person sees there. */
  private page(asked: URLSearchParams): string {
    const code = randomUUID();
    this.grants.set(code, asked);
    const back = (answer: Record<string, string>) => {
      const state = asked.get("state") ?? "";
      return `${asked.get("redirect_uri")}?${new URLSearchParams({ ...answer, state }).toString()}`;
    };
    return `<!doctype html><title>Hospital</title><h1>Hospital account</h1>
      <a href="${escaped(back({ code }))}">Continue as Ada</a> <a href="${escaped(back({ error: "access_denied" }))}">Cancel</a>`;
  }

  private exchange(request: IncomingMessage, form: URLSearchParams): object | null {
    const pair = `${encodeURIComponent(CLIENT)}:${new URLSearchParams([["", SECRET]]).toString().slice(1)}`;
    const code = form.get("code") ?? "";
    const asked = this.grants.get(code);
    this.grants.delete(code);
    const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    const granted =
      request.headers.authorization === `Basic ${Buffer.from(pair).toString("base64")}` &&
      asked?.get("code_challenge") === challenge &&
      asked.get("redirect_uri") === form.get("redirect_uri");
    if (!granted) return null;
    const now = Math.floor(Date.now() / 1000);
    return {
      access_token: "unused",
      token_type: "Bearer",
      id_token: this.signed({
        iss: this.issuer,
        aud: CLIENT,
        sub: "ada",
        nonce: asked.get("nonce"),
        iat: now,
        exp: now + 300,
        // Who is asked to sign in again does so (OpenID Connect Core 1.0, section 3.1.2.1).
        ...(asked.has("max_age") && { auth_time: now }),
        name: "Ada Winter",
        email: "ada@hospital.example",
        email_verified: true,
      }),
    };
  }

  private signed(claims: object): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const message = `${part({ alg: "ES256", kid: "one" })}.${part(claims)}`;
    const key = { key: this.keys.privateKey, dsaEncoding: "ieee-p1363" as const };
    return `${message}.${sign("sha256", Buffer.from(message), key).toString("base64url")}`;
  }
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
