import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { LocalEnvironment } from "../environment/local/environment.ts";
import { ClientSocket } from "./client-socket.ts";
import { type Listener, listen } from "./listen.ts";
import type { ListenAddress } from "./listen-url.ts";
import type { Log } from "./log.ts";
import type { ServerContext } from "./server-context.ts";
import { SessionRegistry } from "./session-registry.ts";

export interface ExecServerOptions {
  readonly address: ListenAddress;
  /** How long a session without a connection lives. */
  readonly sessionTtlMs: number;
  /** Made while the listener starts; connections wait for it. */
  readonly environment: Promise<LocalEnvironment>;
  readonly log: Log;
}

/** Serves one machine to clients until it is closed, which leaves no process alive. */
export async function startExecServer(options: ExecServerOptions): Promise<Listener> {
  const context = makeContext(options);
  const listener = await listen(options.address, (socket, tcp) => accept(context, socket, tcp));
  return {
    url: listener.url,
    close: async () => {
      const { sessions, environment } = await context;
      await Promise.all([listener.close(), sessions.close()]);
      await environment.close();
    },
  };
}

async function makeContext(options: ExecServerOptions): Promise<ServerContext> {
  const environment = await options.environment;
  const sessions = new SessionRegistry({
    makeProcesses: environment.processes,
    ttlMs: options.sessionTtlMs,
  });
  return { environment, sessions, log: options.log };
}

/** What arrives before the environment is there stays in the socket. */
async function accept(context: Promise<ServerContext>, socket: WebSocket, tcp: Socket) {
  socket.pause();
  new ClientSocket(socket, tcp, await context);
  socket.resume();
}
