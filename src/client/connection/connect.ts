import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { deferred } from "../../async/deferred.ts";
import { PatientTimer } from "../../async/patient-timer.ts";
import {
  clientConnectTimeoutMs,
  clientInitializeTimeoutMs,
  clientMessageBytesMax,
  heartbeatIntervalMs as defaultHeartbeatMs,
} from "../../limits.ts";
import type { Call, Result } from "../../protocol/methods.ts";
import { ConnectionError, MessageTooLargeError } from "../calls/errors.ts";
import { closerOf } from "./close-socket.ts";
import { adviceOn } from "./connection-advice.ts";
import { watchHeartbeat } from "./heartbeat.ts";
import { Outbox } from "./outbox.ts";
import { type OnEvent, RpcClient } from "./rpc-client.ts";

/** How to reach an executor. All times are in milliseconds. */
export interface ConnectionOptions {
  /** Name under which the client introduces itself. Default `codex-exec-server`. */
  readonly clientName?: string | undefined;
  /** Sent as `Authorization: Bearer …` when the WebSocket is opened. Default none. */
  readonly bearerToken?: string | undefined;
  /** How long opening the WebSocket may take. Default 10 000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long `initialize` may take. Default 10 000. */
  readonly initializeTimeoutMs?: number | undefined;
  /**
   * Interval of pings. The connection counts as lost when two pings in a row go unanswered and
   * nothing else arrives until the next is due. Default 10 000.
   */
  readonly heartbeatIntervalMs?: number | undefined;
}

interface OpenRequest {
  readonly url: string;
  readonly options: ConnectionOptions;
  readonly onEvent: OnEvent;
  /** Whether events were dropped that must be read from the executor again. */
  readonly isBehind: () => boolean;
  /** Resumes this session instead of opening a new one. */
  readonly resumeSessionId?: string | undefined;
  /** Lets the executor recognize a connection that replaces an older one of the same client. */
  readonly clientId: string;
  /** Aborts connecting; has no effect once the connection is open. */
  readonly signal?: AbortSignal | undefined;
}

/** An open connection with its session. */
export interface Connection {
  readonly sessionId: string;
  /** The executor's `environment/info`, from the answer to `initialize` where it is part of it. */
  readonly info: Result<"environment/info">;
  readonly rpc: RpcClient;
  /** Fulfilled with the reason when the connection has ended, whichever side ended it. */
  readonly ended: Promise<ConnectionError>;
  close(): void;
}

/**
 * Opens a connection and a session on it. Fails with a `ConnectionError` when the executor cannot
 * be reached in time, with an `RpcError` when it refuses the session, and with a `TypeError` when
 * `url` is none.
 */
export async function openConnection(request: OpenRequest): Promise<Connection> {
  const { url, signal } = request;
  signal?.throwIfAborted();
  const socket = openSocket(request);
  answerPings(socket, request.isBehind);
  const close = closerOf(socket);
  const { ended, cut } = watchEnd(socket, url);
  const abandon = () => cut(`websocket ${url}: given up`);
  signal?.addEventListener("abort", abandon);
  try {
    const rpc = startRpc(request, { socket, ended, cut });
    const session = await handshake(request, { socket, ended, rpc });
    return { ...session, rpc, ended, close };
  } catch (error) {
    socket.terminate();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abandon);
  }
}

function openSocket({ url, options }: OpenRequest): WebSocket {
  if (!URL.canParse(url)) {
    throw new TypeError(`\`${url}\` is no URL of an exec-server, such as ws://127.0.0.1:8765`);
  }
  const { bearerToken } = options;
  return new WebSocket(url, {
    headers: bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` },
    perMessageDeflate: false,
    maxPayload: clientMessageBytesMax,
    autoPong: false,
  });
}

/**
 * A ping without a payload only tests the connection. One with a payload holds two numbers. The
 * first asks whether the events before it have arrived, after which the executor forgets them: it
 * is not confirmed while dropped events must be read again. The second asks how far the line is and
 * is answered in any case, because the executor sends little until it knows.
 */
function answerPings(socket: WebSocket, isBehind: () => boolean): void {
  socket.on("ping", (content: Buffer) => {
    if (content.length === 0 || !isBehind()) return socket.pong(content);
    const [mark] = / \d+$/.exec(content.toString("latin1")) ?? [];
    if (mark) socket.pong(`0${mark}`);
  });
}

interface SocketEnd {
  readonly ended: Promise<ConnectionError>;
  /** Ends the connection at once, for this reason. */
  readonly cut: (reason: string) => void;
}

/** The close code of RFC 6455 for a message that is larger than the receiver accepts. */
const messageTooLargeCode = 1009;

/** Settles `ended` with the first reason given; later events of the socket only follow from it. */
function watchEnd(socket: WebSocket, url: string): SocketEnd {
  const { promise: ended, resolve: end } = deferred<ConnectionError>();
  socket.once("unexpected-response", async (_request: unknown, response: IncomingMessage) => {
    end(await refusal(response, url));
    socket.terminate();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    // The executor would send the same too large message again over a new connection.
    const retryable = error.code !== "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    const reason = `${error.message || error.code}`.trim();
    const message = `websocket ${url}: ${reason}${adviceOn(error, url)}`;
    end(new ConnectionError(message, { cause: error, retryable }));
    // Without this, `ws` waits for the other end to close its side.
    socket.terminate();
  });
  socket.once("close", (code, reason) => {
    const message = `websocket ${url} was closed (${`${code} ${reason}`.trim()})`;
    end(
      code === messageTooLargeCode
        ? new MessageTooLargeError(message)
        : new ConnectionError(message),
    );
  });
  const cut = (reason: string) => {
    end(new ConnectionError(reason));
    socket.terminate();
  };
  return { ended, cut };
}

/**
 * The 4xx statuses for which a later attempt may succeed: too slow, too early, too many. All
 * others, such as that for a wrong token, are lasting.
 */
const temporaryStatuses: readonly number[] = [408, 425, 429];

async function refusal(response: IncomingMessage, url: string): Promise<ConnectionError> {
  const { statusCode = 0 } = response;
  // The body may be cut short, and is only an addition to the message.
  const body = (await text(response).catch(() => "")).trim();
  const isLasting = statusCode >= 400 && statusCode < 500;
  const retryable = !isLasting || temporaryStatuses.includes(statusCode);
  return new ConnectionError(
    `websocket ${url} was refused with HTTP ${statusCode}${body && `: ${body}`}`,
    { retryable },
  );
}

function startRpc(
  { onEvent, options, url }: OpenRequest,
  { socket, ended, cut }: SocketEnd & { socket: WebSocket },
) {
  const outbox = new Outbox(socket);
  const rpc = new RpcClient({ send: (text, asked) => outbox.send(text, asked), onEvent });
  void ended.then((reason) => rpc.end(reason));
  socket.on("message", (frame) => {
    try {
      rpc.receive(frame.toString());
    } catch (error) {
      // The unreadable message may have been any answer or event: only a resumed session tells what
      // is missing.
      cut(`websocket ${url}: ${(error as Error).message}`);
    }
  });
  const { heartbeatIntervalMs = defaultHeartbeatMs } = options;
  const silent = () => cut(`websocket ${url}: the other end is silent`);
  watchHeartbeat(socket, heartbeatIntervalMs, silent);
  return rpc;
}

interface Handshake {
  readonly socket: WebSocket;
  readonly ended: Promise<ConnectionError>;
  readonly rpc: RpcClient;
}

async function handshake(request: OpenRequest, { socket, ended, rpc }: Handshake) {
  const { url, options, resumeSessionId, clientId } = request;
  const failure = ended.then((reason) => Promise.reject(reason));
  // Rejections are handled where this promise is raced; otherwise it may go unhandled.
  failure.catch(() => {});
  const opened = new Promise((resolve) => socket.once("open", resolve));
  const { connectTimeoutMs = clientConnectTimeoutMs } = options;
  await within(connectTimeoutMs, `connecting to ${url}`, Promise.race([opened, failure]));
  const call: Call = (method, params) => {
    const { initializeTimeoutMs = clientInitializeTimeoutMs } = options;
    const answer = rpc.call(method, params);
    return within(initializeTimeoutMs, `the answer of ${url} to ${method}`, answer);
  };
  const { sessionId, environmentInfo } = await call("initialize", {
    clientName: options.clientName ?? "codex-exec-server",
    resumeSessionId: resumeSessionId ?? null,
    clientId,
    holdEvents: true,
  });
  rpc.notify("initialized", {});
  return { sessionId, info: environmentInfo ?? (await call("environment/info", {})) };
}

/** Fails with a `ConnectionError` when the outcome takes longer. */
function within<T>(boundMs: number, what: string, outcome: Promise<T>): Promise<T> {
  let timer: PatientTimer | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new ConnectionError(`${what} took longer than ${boundMs} ms`));
    timer = new PatientTimer(boundMs, fail);
  });
  return Promise.race([outcome, late]).finally(() => timer?.stop());
}
