import type { IncomingMessage } from "node:http";
import { settledWithin } from "../async/settled-within.ts";
import type { LocalEnvironment } from "../environment/local/environment.ts";
import { loadSocketCalls } from "../environment/local/libc/socket-calls.ts";
import { type Limits, sessionsCloseMs } from "../limits.ts";
import type { Access } from "./access/access.ts";
import { ClientSocket } from "./client-socket.ts";
import { type Listener, listen, type TlsFiles } from "./listen.ts";
import type { ListenAddress } from "./listen-url.ts";
import type { ServerContext } from "./server-context.ts";
import { watchedProcesses } from "./sessions/process-watch.ts";
import { SessionRegistry } from "./sessions/session-registry.ts";
import { sessionWatch } from "./sessions/session-watch.ts";
import type { OrderlySocket } from "./socket/orderly-socket.ts";
import type { AuditLog } from "./watch/audit-log.ts";
import { countOne, makeCounters } from "./watch/counters.ts";
import type { Log } from "./watch/log.ts";
import { metricsOf } from "./watch/metrics.ts";
import type { Telemetry } from "./watch/telemetry.ts";

export interface ExecServerOptions {
  readonly address: ListenAddress;
  readonly tls: TlsFiles | undefined;
  readonly access: Access;
  readonly limits: Limits;
  /** How long a detached session lives. */
  readonly sessionTtlMs: number;
  /** May still be in the making when the listener starts; connections wait for it. */
  readonly environment: Promise<LocalEnvironment>;
  readonly log: Log;
  readonly audit: AuditLog | undefined;
}

/** Serves one machine to clients until it is closed, which leaves no process alive. */
export async function startExecServer(options: ExecServerOptions): Promise<Listener> {
  const telemetry = { log: options.log, audit: options.audit, counters: makeCounters() };
  const state: ServerState = { isStopping: false };
  const context = makeContext(options, telemetry, state);
  const listener = await listenWith(options, telemetry, { state, context });
  telemetry.audit?.enter("server-started", { url: listener.url });
  return {
    ...listener,
    close: async () => {
      state.isStopping = true;
      const { sessions, environment } = await context;
      // The session of a start that hangs in the kernel would never close.
      await Promise.all([listener.close(), settledWithin(sessions.close(), sessionsCloseMs)]);
      await environment.close();
      telemetry.audit?.close();
    },
  };
}

/** What the listener asks for at any time. */
interface ServerState {
  /** Absent until it is made. */
  context?: ServerContext;
  isStopping: boolean;
}

async function makeContext(
  { environment: starting, sessionTtlMs, limits }: ExecServerOptions,
  telemetry: Telemetry,
  state: ServerState,
): Promise<ServerContext> {
  const environment = await starting;
  const sessions = new SessionRegistry({
    makeProcesses: (session, receiver) =>
      watchedProcesses(environment.processes, session, {
        receiver,
        telemetry,
        processesMax: limits.processesMax,
      }),
    watch: sessionWatch(telemetry),
    sessionsMax: limits.sessionsMax,
    ttlMs: sessionTtlMs,
  });
  state.context = { ...telemetry, environment, sessions, limits, ...(await loadSocketCalls()) };
  return state.context;
}

interface Serving {
  readonly state: ServerState;
  readonly context: Promise<ServerContext>;
}

function listenWith(options: ExecServerOptions, telemetry: Telemetry, { state, context }: Serving) {
  const { address, tls, access, limits, log } = options;
  const { counters } = telemetry;
  const gauges = {
    sessions: () => state.context?.sessions.census ?? { attached: 0, detached: 0 },
    helpers: () => state.context?.environment.helperCensus() ?? {},
  };
  const surface = {
    access,
    hindrances: () => hindrances(state, counters.connections.size, options),
    metrics: metricsOf(counters, gauges),
    log,
  };
  return listen({
    ...{ address, tls, surface, limits, log },
    accept: (socket, request) => accept(context, socket, request),
    readAtOnce: (socket, room) => state.context?.readAtOnce(socket, room) ?? 0,
    refused: ({ status }) => countOne(counters.refusals, status),
  });
}

/** The reasons why no new client can be served now. */
function hindrances(
  state: ServerState,
  connections: number,
  { limits, audit }: ExecServerOptions,
): string[] {
  const reasons = [];
  const unaudited = audit?.hindrance();
  if (unaudited !== undefined) reasons.push(unaudited);
  if (state.isStopping) reasons.push("the server is stopping");
  if (state.context?.sessions.isFull) reasons.push(`all ${limits.sessionsMax} sessions are taken`);
  if (connections >= limits.connectionsMax) {
    reasons.push(`all ${limits.connectionsMax} connections are taken`);
  }
  return reasons;
}

/**
 * What a client sends before the environment is ready stays in the socket. A connection that closed
 * meanwhile is dropped here, because its `close` event is over and could not clean up any more.
 */
async function accept(
  context: Promise<ServerContext>,
  socket: OrderlySocket,
  request: IncomingMessage,
) {
  socket.pause();
  const made = await context;
  if (socket.readyState === socket.CLOSED) return;
  new ClientSocket(socket, request, made);
  socket.resume();
}
