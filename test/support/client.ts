import { WebSocket } from "ws";
import type * as z from "zod";
import type { Event, EventParams, Method, Result, requests } from "../../src/protocol/methods.ts";
import { within } from "./within.ts";

const waitMsMax = 30_000;

type Input<M extends Method> = z.input<ReturnType<(typeof requests)[M]["params"]>>;

/** One message from the server, as it came. */
export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** A request that was answered with an error. */
class ReplyError extends Error {
  readonly code: number;

  constructor(method: string, code: number, message: string) {
    super(message);
    this.name = `ReplyError to ${method}`;
    this.code = code;
  }
}

interface Waiter {
  readonly wants: (message: Message) => boolean;
  readonly resolve: (message: Message) => void;
  readonly reject: (reason: Error) => void;
}

/** Opens a socket to a server, whatever certificate it shows; nothing is sent yet. */
export async function connect(url: string, headers: Record<string, string> = {}): Promise<Client> {
  const options = { headers, perMessageDeflate: false, rejectUnauthorized: false };
  const socket = new WebSocket(url, options);
  const client = new Client(socket);
  const opened = new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  await within(waitMsMax, `a connection to ${url}`, opened);
  return client;
}

/** A raw client: every message is awaited by name, and nobody waits for ever. */
export class Client {
  readonly socket: WebSocket;
  /** Settles when the socket is closed, with the code that the server gave. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Messages that came and that nobody has asked for yet. */
  readonly #inbox: Message[] = [];
  #waiters: Waiter[] = [];
  #nextId = 1;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (text: Buffer) => this.#receive(JSON.parse(text.toString())));
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.once("close", (code) => this.#abandon(new Error(`the socket was closed (${code})`)));
    socket.on("error", (error) => this.#abandon(error));
  }

  /** Sends a request and gives its result; an error in answer is thrown as a ReplyError. */
  request<M extends Method>(method: M, params: Input<M>): Promise<Result<M>>;
  request(method: string, params?: unknown): Promise<unknown>;
  async request(method: string, params?: unknown): Promise<unknown> {
    const id = this.#nextId++;
    const reply = this.#take(`the answer to ${method}`, (message) => message.id === id);
    this.send({ jsonrpc: "2.0", id, method, params });
    const { error, result } = await reply;
    if (error) throw new ReplyError(method, error.code, error.message);
    return result;
  }

  notify(method: string, params?: unknown): void {
    this.send({ jsonrpc: "2.0", method, params });
  }

  /** Sends text or bytes as they are, anything else as JSON. */
  send(message: unknown): void {
    const isRaw = typeof message === "string" || Buffer.isBuffer(message);
    this.socket.send(isRaw ? message : JSON.stringify(message));
  }

  /** The next message that is neither an answer nor an event somebody waits for. */
  nextMessage(): Promise<Message> {
    return this.#take("a message", () => true);
  }

  /** The first event of this name, come or still to come, that was not given before. */
  async event<E extends Event>(
    name: E,
    predicate: (params: EventParams<E>) => boolean = () => true,
  ): Promise<EventParams<E>> {
    const wants = ({ method, params }: Message) =>
      method === name && predicate(params as EventParams<E>);
    const message = await this.#take(`the event ${name}`, wants);
    return message.params as EventParams<E>;
  }

  /** The whole handshake; requests are served from then on. */
  async initialize(params: Partial<Input<"initialize">> = {}): Promise<Result<"initialize">> {
    const result = await this.request("initialize", { clientName: "test", ...params });
    this.notify("initialized", {});
    return result;
  }

  /** Closes in order and waits until it is done. */
  async close(): Promise<void> {
    this.socket.close();
    await within(waitMsMax, "the end of the socket", this.closed);
  }

  /** Cuts the connection, as a network that breaks. */
  async cut(): Promise<void> {
    this.socket.terminate();
    await within(waitMsMax, "the end of the socket", this.closed);
  }

  #receive(message: Message): void {
    const waiter = this.#waiters.find(({ wants }) => wants(message));
    if (!waiter) return void this.#inbox.push(message);
    this.#drop(waiter);
    waiter.resolve(message);
  }

  #take(awaited: string, wants: Waiter["wants"]): Promise<Message> {
    const index = this.#inbox.findIndex(wants);
    const [come] = index < 0 ? [] : this.#inbox.splice(index, 1);
    if (come) return Promise.resolve(come);
    if (this.socket.readyState === WebSocket.CLOSED) {
      return Promise.reject(new Error(`${awaited} cannot come: the socket is closed`));
    }
    let waiter: Waiter | undefined;
    const message = new Promise<Message>((resolve, reject) => {
      waiter = { wants, resolve, reject };
      this.#waiters.push(waiter);
    });
    const known = () => `Come instead: ${JSON.stringify(this.#inbox).slice(0, 2000)}`;
    return within(waitMsMax, awaited, message, known).finally(() => this.#drop(waiter));
  }

  #drop(waiter: Waiter | undefined): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }

  #abandon(reason: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }
}
