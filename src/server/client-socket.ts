import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { inboundRequestsMax, loggedNameCharsMax, outboundBytesMax } from "../limits.ts";
import { invalidRequest, isSystemError, RpcError, toRpcError } from "../protocol/errors.ts";
import { errorFrame, resultFrame } from "../protocol/frame.ts";
import { type Incoming, type IncomingRequest, unreadableId } from "../protocol/json-rpc.ts";
import { readFrame } from "../protocol/large-frame.ts";
import { bulkMember, type Method, requests } from "../protocol/methods.ts";
import { BulkTurns, isBulk } from "./bulk-turns.ts";
import { Connection } from "./connection.ts";
import { abnormalCode, connectionWatch, type TellEnd } from "./connection-watch.ts";
import { answer, expectRequests, methodNamed } from "./router.ts";
import type { ServerContext } from "./server-context.ts";
import { pollAfterRequest } from "./socket/busy-poll.ts";
import { eventsThrough } from "./socket/event-sender.ts";
import { giveBackFrame } from "./socket/frame-memory.ts";
import { Keepalive } from "./socket/keepalive.ts";
import { answerPings } from "./socket/newest-pong.ts";
import type { OrderlySocket } from "./socket/orderly-socket.ts";
import { Outbox } from "./socket/outbox.ts";
import { laneOfAnswer } from "./socket/send-order.ts";
import { addTraffic, type ConnectionGauge, type Traffic } from "./watch/counters.ts";
import { stackOf } from "./watch/log.ts";
import { type Asked, type Outcome, requestAnswered } from "./watch/request-watch.ts";

/**
 * One WebSocket: reads frames, has each request answered, sends answers and events. Reading never
 * stops after the handshake, so that no request waits for an unrelated one; a client that asks for
 * more than the bounds allow gets errors, not silence.
 */
export class ClientSocket implements ConnectionGauge {
  readonly traffic: Traffic = { receivedBytes: 0, sentBytes: 0 };
  unansweredRequests = 0;
  unansweredBytes = 0;
  readonly #context: ServerContext;
  readonly #number: number;
  readonly #socket: OrderlySocket;
  readonly #outbox: Outbox;
  readonly #tellEnd: TellEnd;
  readonly #keepalive: Keepalive;
  readonly #connection: Connection;
  /**
   * Frames that came during `initialize` and wait for its session; dropped when the client is lost.
   */
  #held: Buffer[] | undefined;
  #handshaken: Promise<void> | undefined;
  #isCut = false;

  constructor(socket: OrderlySocket, request: IncomingMessage, context: ServerContext) {
    this.#socket = socket;
    this.#context = context;
    this.#number = ++context.counters.connectionsOpened;
    const { traffic } = this;
    const { socket: tcp } = request;
    this.#outbox = new Outbox(socket, { socket: tcp, calls: context, traffic });
    const sessionLabel = () => this.#connection.sessionLabel;
    const watched = { socket, tcp, connection: this.#number, traffic, sessionLabel };
    this.#tellEnd = connectionWatch(context, watched);
    this.#keepalive = new Keepalive(socket, tcp, (reason) => this.#tellEnd("lost", reason));
    answerPings(socket, tcp);
    const attachment = {
      ...eventsThrough(this.#outbox),
      isAlive: () => this.#keepalive.probe(),
      cut: (reason: string) => this.#cut(reason),
      peer: { address: tcp.remoteAddress, connection: this.#number },
      traffic,
      receipts: this.#outbox.receipts,
    };
    const bulk = new BulkTurns(() => this.#outbox.unsentBytes);
    this.#connection = new Connection({ ...context, attachment, bulk });
    this.#outbox.onRoom(() => {
      this.#connection.resumeOutput();
      bulk.goOn();
    });
    socket.on("message", (frame) => this.#onFrame(frame as Buffer));
    socket.on("close", (code) => void this.#onClose(code));
    context.counters.connections.add(this);
  }

  get unsentBytes(): number {
    return this.#outbox.unsentBytes;
  }

  #onFrame(frame: Buffer): void {
    this.#keepalive.heard();
    this.traffic.receivedBytes += frame.length;
    try {
      if (!this.#outbox.isIgnored) this.#hear(frame);
      else if (!this.#isCut) this.#cut("its client sends on and reads no answers");
    } catch (error) {
      // The library would stop reading for ever if an error of ours were thrown into it.
      this.#context.log("error", `a message was not served: ${stackOf(error)}`);
    }
  }

  #hear(frame: Buffer): void {
    if (this.#held) this.#held.push(frame);
    else this.#onMessage(readFrame(frame, giveBackFrame), frame.length);
  }

  #onMessage(message: Incoming, bytes: number): void {
    switch (message.kind) {
      case "request":
        if (message.method === "initialize") this.#handshaken = this.#handshake(message, bytes);
        else void this.#serve(message, bytes);
        break;
      case "notification":
        this.#onNotification(message.method);
        break;
      case "reply":
        this.#warn("a client answered a request that was never made; ignored");
        break;
      case "malformed":
        this.#outbox.sendError(errorFrame(unreadableId, unreadable(message.reason)));
    }
  }

  /**
   * A client may pipeline requests behind `initialize`: they wait here until the session is open.
   */
  async #handshake(request: IncomingRequest, bytes: number): Promise<void> {
    const held: Buffer[] = [];
    this.#held = held;
    this.#socket.pause();
    await this.#serve(request, bytes);
    this.#held = undefined;
    this.#socket.resume();
    for (const frame of held) this.#hear(frame);
    setImmediate(expectRequests);
  }

  /**
   * `initialized` is the only notification known here. A newer client may send others, which are
   * logged and ignored; the reference closes the connection for them.
   */
  #onNotification(method: string): void {
    if (method === "initialized") this.#connection.initialized();
    else this.#warn("a notification that is unknown, or needs an id, is ignored", method);
  }

  /**
   * A result that is there at once is sent in the same turn, without a promise: promises took a
   * third of the time of a small request.
   */
  #serve(request: IncomingRequest, bytes: number): Promise<void> | undefined {
    const asked = { request, receivedBytes: bytes, startedAtMs: performance.now() };
    this.unansweredRequests++;
    this.unansweredBytes += bytes;
    let outcome: Outcome;
    try {
      const method = methodNamed(request.method);
      this.#refuseExcess(method);
      const result = answer(this.#connection, method, request);
      if (result instanceof Promise) return this.#serveLater(asked, method, result);
      outcome = this.#sendResult(request, method, result);
      pollAfterRequest(asked.startedAtMs);
    } catch (thrown) {
      outcome = this.#sendError(request, thrown);
    }
    this.#settle(asked, outcome);
    return undefined;
  }

  async #serveLater(asked: Asked, method: Method, result: Promise<object>): Promise<void> {
    let outcome: Outcome;
    try {
      outcome = this.#sendResult(asked.request, method, await result);
    } catch (thrown) {
      outcome = this.#sendError(asked.request, thrown);
    }
    this.#settle(asked, outcome);
  }

  /** Runs when the answer has been sent, so an error here must not become a second answer. */
  #settle(asked: Asked, outcome: Outcome): void {
    this.unansweredRequests--;
    this.unansweredBytes -= asked.receivedBytes;
    const session = this.#connection.sessionLabel;
    try {
      requestAnswered(this.#context, { asked, connection: this.#number, session }, outcome);
    } catch (error) {
      this.#context.log("error", `an answer was not entered: ${stackOf(error)}`);
    }
  }

  #sendResult({ id, params }: IncomingRequest, method: Method, result: object): Outcome {
    const frame = resultFrame(id, result, bulkMember(requests[method]));
    this.#outbox.send(frame, laneOfAnswer(method, params));
    return { sentBytes: frame.length };
  }

  #sendError({ id, method }: IncomingRequest, thrown: unknown): Outcome {
    const error = this.#rpcError(method, thrown);
    const frame = errorFrame(id, error);
    this.#outbox.sendError(frame);
    return { sentBytes: frame.length, code: error.code };
  }

  #refuseExcess(method: Method): void {
    const { inboundBytesMax } = this.#context.limits;
    if (this.unansweredRequests > inboundRequestsMax || this.unansweredBytes > inboundBytesMax) {
      throw invalidRequest(
        `too many unanswered requests on this connection: at most ${inboundRequestsMax} requests ` +
          `and ${inboundBytesMax} bytes; wait for answers before sending more`,
      );
    }
    // Requests with large answers wait for room instead; see `BulkTurns`.
    if (this.#outbox.isFull && !isBulk(method)) {
      throw invalidRequest(
        `more than ${outboundBytesMax} bytes of answers wait to be read; read them before asking on`,
      );
    }
  }

  #rpcError(method: string, thrown: unknown): RpcError {
    const error = toRpcError(thrown);
    const isBug = !(thrown instanceof RpcError) && !isSystemError(thrown);
    if (isBug) this.#context.log("error", `${method} failed: ${stackOf(thrown)}`);
    return error;
  }

  #warn(message: string, method?: string): void {
    const client = { connection: this.#number, session: this.#connection.sessionLabel };
    this.#context.log("warn", message, { ...client, method: method?.slice(0, loggedNameCharsMax) });
  }

  #cut(reason: string): void {
    this.#isCut = true;
    this.#tellEnd("cut", reason);
    this.#socket.terminate();
  }

  async #onClose(code: number): Promise<void> {
    const { connections, closedTraffic } = this.#context.counters;
    connections.delete(this);
    addTraffic(closedTraffic, this.traffic);
    if (code === abnormalCode) this.#held?.splice(0);
    else await this.#handshaken;
    await this.#connection.close();
  }
}

const unreadable = (reason: string) =>
  invalidRequest(`failed to parse JSON-RPC message: ${reason}`);
