import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown;
}

export interface Seen {
  /** "POST /api/v1/session" */
  route: string;
  headers: IncomingMessage["headers"];
  body: unknown;
}

/** A real HTTP server with prepared answers, and the origin of the page: what the browser sends can be looked at. */
export class TestServer {
  readonly seen: Seen[] = [];
  readonly #answers = new Map<string, Answer>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const route = `${request.method ?? ""} ${request.url ?? ""}`;
        const isJson = request.headers["content-type"] === "application/json";
        this.seen.push({ route, headers: request.headers, body: isJson ? JSON.parse(text) : text || undefined });
        const { status = 200, headers = {}, body } = this.#answers.get(route) ?? { status: 404, body: errorBody("not_found") };
        response.writeHead(status, headers);
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<TestServer> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const { port } = server.address() as AddressInfo;
    const page = window as unknown as { happyDOM: { setURL: (url: string) => void } };
    page.happyDOM.setURL(`http://127.0.0.1:${port}/`);
    return new TestServer(server);
  }

  /** `route` as in "GET /api/v1/session". */
  answer(route: string, answer: Answer) {
    this.#answers.set(route, answer);
  }

  requests(route: string): Seen[] {
    return this.seen.filter((each) => each.route === route);
  }

  /** From now on nobody answers. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

export function errorBody(code: string, fields?: Record<string, string>) {
  return { error: { code, message: code, request_id: "req", ...(fields && { fields }) } };
}
