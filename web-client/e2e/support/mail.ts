/** The clinic's mail server, on loopback (RFC 5321): takes every mail and keeps it. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { until } from "./until";

export interface Mail {
  to: string;
  /** Headers and text, `\n` at the ends of lines. */
  text: string;
}

export class MailServer {
  readonly mails: Mail[] = [];

  private constructor(private readonly server: Server) {
    server.on("connection", (socket) => void this.serve(socket));
  }

  static async start(): Promise<MailServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new MailServer(server);
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Waits for the newest mail to somebody that leads to `page`, and gives the whole link. */
  async link(to: string, page: string): Promise<string> {
    const pattern = new RegExp(`https://\\S+${page}#\\S+`);
    const found = () => this.mails.findLast((mail) => mail.to === to && pattern.test(mail.text));
    const mail = await until(`a mail to ${to} that leads to ${page}`, found);
    return pattern.exec(mail.text)?.[0] ?? "";
  }

  stop(): void {
    this.server.close();
  }

  private async serve(socket: Socket): Promise<void> {
    const reply = (line: string) => socket.write(`${line}\r\n`);
    let to = "";
    let text: string[] | null = null;
    reply("220 mail.example ESMTP");
    for await (const line of createInterface({ input: socket })) {
      if (text !== null) {
        if (line !== ".") {
          // A dot at the beginning of a line was doubled (section 4.5.2).
          text.push(line.replace(/^\./, ""));
          continue;
        }
        this.mails.push({ to, text: text.join("\n") });
        text = null;
        reply("250 2.0.0 taken");
      } else if (/^EHLO /i.test(line)) {
        reply("250-mail.example\r\n250 8BITMIME");
      } else if (/^RCPT TO:/i.test(line)) {
        to = /<([^>]*)>/.exec(line)?.[1] ?? "";
        reply("250 2.1.5 ok");
      } else if (/^DATA$/i.test(line)) {
        text = [];
        reply("354 go ahead");
      } else if (/^QUIT$/i.test(line)) {
        socket.end("221 2.0.0 bye\r\n");
      } else {
        reply("250 2.0.0 ok");
      }
    }
  }
}
