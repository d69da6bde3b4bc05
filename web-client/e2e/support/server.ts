/** The real binary with a data folder of its own, on free ports. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchLog } from "./evidence";
import type { MailServer } from "./mail";
import { until } from "./until";

export const BINARY = process.env["AUSCULT_BIN"] ?? "";

export interface Account {
  email: string;
  password: string;
  name: string;
}

interface Options {
  /** Overrides of the configuration, `AUSCULT_MEDIA__ICE_LITE` and so on. */
  env?: Record<string, string>;
  /** Without the demonstration clinic: nobody has an account yet. */
  empty?: boolean;
  /** Sends its mail here; without one it sends none. */
  mail?: MailServer;
}

export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), "auscult-e2e-"));
  /** Everything it wrote to stdout and stderr, over all starts. */
  log = "";
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly mediaPort: number,
    private readonly env: Record<string, string>,
    private readonly args: string[],
  ) {}

  static async start(options: Options = {}): Promise<Server> {
    const [port, mediaPort] = [await freePort(), await freePort()];
    const env = {
      AUSCULT_HTTP__LISTEN: `127.0.0.1:${port}`,
      AUSCULT_MEDIA__LISTEN: "127.0.0.1",
      AUSCULT_MEDIA__FIRST_PORT: `${mediaPort}`,
      AUSCULT_MEDIA__WORKERS: "1",
      AUSCULT_HTTP__DRAIN_S: "0",
      AUSCULT_WHISPER__DEMONSTRATION_FALLBACK: "true",
      ...(options.mail && {
        AUSCULT_HTTP__PUBLIC_URL: `https://127.0.0.1:${port}`,
        AUSCULT_MAIL__SMTP_URL: options.mail.url,
        AUSCULT_MAIL__FROM: "Clinic <no-reply@care.example>",
      }),
      ...options.env,
    };
    const server = new Server(port, mediaPort, env, ["serve", ...(options.empty ? [] : ["--demo"])]);
    watchLog(() => server.log);
    await server.launch();
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** The same by a name: passkeys belong to names. */
  get named(): string {
    return `https://localhost:${this.port}`;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error("the server is not running");
    return this.child.pid;
  }

  /** Starts the process, the first time or again on the same data, and waits until it is ready. */
  async launch(): Promise<void> {
    if (!BINARY) throw new Error("AUSCULT_BIN must name the binary: use `make test-browser`");
    const child = spawn(BINARY, this.args, {
      cwd: this.folder,
      env: { ...process.env, AUSCULT_DATA__FOLDER: join(this.folder, "data"), ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.log += text));
    }
    const before = this.log.length;
    const announced = () => this.log.includes("Auscult is ready", before);
    const ready = async () => child.exitCode !== null || (announced() && answers(`${this.url}/readyz`));
    await until("the server to be ready", ready, { within: 60_000 });
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.log}`);
  }

  /** Ends the process the way `signal` does and waits until it is gone. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Where the first administrator is made, as the server printed it. */
  async setupLink(): Promise<string> {
    return until("the address of the set-up", () => /https:\/\/\S+\/setup#\S+/.exec(this.log)?.[0]);
  }

  /** As if everybody had proved who they are ten minutes earlier than they have: too long ago for dangerous steps. */
  forgetProofs(): void {
    const database = join(this.folder, "data", "auscult.db");
    const earlier = "UPDATE sessions SET authenticated_at = authenticated_at - 600000";
    execFileSync("sqlite3", ["-cmd", ".timeout 5000", database, earlier]);
  }

  /** The demonstration clinic's account of this role. */
  account(role: "doctor" | "patient"): Account {
    const accounts = readFileSync(join(this.folder, "data", "demo-credentials.txt"), "utf8").split("\n");
    const line = accounts.find((account) => account.startsWith(`${role}  `));
    const [, email, password, name] = line?.split("  ") ?? [];
    if (!email || !password || !name) throw new Error(`no ${role} in the demonstration clinic`);
    return { email, password, name };
  }
}

/** Is there a 200 at this URL? */
function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(url, { rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on("error", () => resolve(false));
  });
}

/** Ports that a server has got: until it starts the system would hand them out again, to its other half for one. */
const given = new Set<number>();

/** A port that is free for TCP and UDP on the loopback address. */
async function freePort(): Promise<number> {
  const tcp = createServer();
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket("udp4");
  const free = await new Promise<boolean>((resolve) => {
    udp.once("error", () => resolve(false)).bind(port, "127.0.0.1", () => resolve(true));
  });
  if (free) udp.close();
  await new Promise((resolve) => tcp.close(resolve));
  if (!free || given.has(port)) return freePort();
  given.add(port);
  return port;
}
