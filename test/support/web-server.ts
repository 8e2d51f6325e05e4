import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import type { Scope } from "./last-first.ts";

/** What a server was asked, with its body. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export type Answer = (request: Received, response: ServerResponse) => void;

export interface WebServer {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
}

/** An HTTP server on loopback, cut off when the test is over. */
export async function serveHttp(scope: Scope, answer: Answer): Promise<WebServer> {
  const received: Received[] = [];
  const server = createServer(async (message, response) => {
    const parts: Buffer[] = [];
    for await (const part of message) parts.push(part);
    const { method = "", url = "", headers } = message;
    const request = { method, url, headers, body: Buffer.concat(parts) };
    received.push(request);
    answer(request, response);
  });
  return { ...(await listen(scope, server)), received };
}

export interface RawServer extends Omit<WebServer, "received"> {
  /** What each connection said: the request as it went over the wire, one char per byte. */
  readonly requests: readonly string[];
}

/** A server that reads bytes and answers each connection with the same bytes, then closes it. */
export async function serveBytes(scope: Scope, answer: string | Buffer): Promise<RawServer> {
  const requests: string[] = [];
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      requests.push(bytes.toString("latin1"));
      socket.end(answer);
    });
  });
  return { ...(await listen(scope, server)), requests };
}

async function listen(scope: Scope, server: Server) {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  scope.after(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${port}`, port };
}
