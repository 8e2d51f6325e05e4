import { WebSocket } from "ws";
import { answeredId, decodedBytes, isError, isOutput, textOf } from "./frames.ts";

export interface StartOptions {
  readonly tty?: boolean;
  readonly sandbox?: unknown;
  readonly onOutput?: (bytes: number) => void;
}

/** A process under way; the times are those of `performance.now()`. */
export interface Running {
  readonly processId: string;
  readonly startedAt: number;
  /** When the start was answered. */
  readonly answeredAt: number;
  /** Resolves with the time of the first output. */
  readonly firstOutput: Promise<number>;
  /** Resolves with the time of `process/closed`; fails when the process or the connection did. */
  readonly closed: Promise<number>;
}

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

interface Watcher extends Waiter<number> {
  onOutput(bytes: number): void;
}

interface Message {
  readonly method?: string;
  readonly params?: { readonly processId: string };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

let ids = 0;

/** Opens a connection with a session of its own, or with the one named. */
export async function openClient(url: string, resumeSessionId?: string): Promise<BenchClient> {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 2 ** 30 });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  const client = new BenchClient(socket);
  const named = resumeSessionId === undefined ? {} : { resumeSessionId };
  const { sessionId } = await client.call<{ sessionId: string }>("initialize", {
    clientName: "bench",
    ...named,
  });
  client.sessionId = sessionId;
  client.notify("initialized", {});
  return client;
}

/** A client that spends as little as it can: frames of output are measured, not parsed. */
export class BenchClient {
  sessionId = "";
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, Waiter<Buffer>>();
  readonly #watchers = new Map<string, Watcher>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (frame: Buffer) => this.#receive(frame));
    socket.on("close", () => this.#failAll(new Error("the connection closed")));
    // Of an error it is the close after it that is told.
    socket.on("error", () => {});
  }

  /** Gives the result; fails with the text of an error. */
  async call<T>(method: string, params: unknown): Promise<T> {
    const answer = await this.ask(method, JSON.stringify(params));
    return JSON.parse(answer.toString()).result as T;
  }

  /** For hot loops and bulk: the params are JSON already, the answer is left as it came. */
  async ask(method: string, params: string): Promise<Buffer> {
    ids += 1;
    const id = ids;
    const answered = new Promise<Buffer>((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
    });
    this.#socket.send(`{"id":${id},"method":"${method}","params":${params}}`);
    const answer = await answered;
    if (!isError(answer)) return answer;
    const { error }: Message = JSON.parse(answer.toString());
    if (error) throw new Error(`${method}: ${error.message}`);
    return answer;
  }

  notify(method: string, params: unknown): void {
    this.#socket.send(JSON.stringify({ method, params }));
  }

  /** Starts a command; resolves when the start is answered. */
  async start(
    argv: readonly string[],
    { tty = false, sandbox, onOutput }: StartOptions = {},
  ): Promise<Running> {
    ids += 1;
    const processId = `bench-${ids}`;
    const env = { PATH: "/usr/bin:/bin" };
    const startedAt = performance.now();
    const times = this.#watch(processId, onOutput);
    await this.call("process/start", { processId, argv, cwd: "file:///", env, tty, sandbox });
    return { processId, startedAt, answeredAt: performance.now(), ...times };
  }

  /** Runs a command to its end; gives the milliseconds until it was closed. */
  async run(argv: readonly string[], options: StartOptions = {}): Promise<number> {
    const running = await this.start(argv, options);
    return (await running.closed) - running.startedAt;
  }

  async terminate({ processId, closed }: Running): Promise<void> {
    await this.call("process/terminate", { processId });
    await closed;
  }

  close(): void {
    this.#socket.terminate();
  }

  /** Watches before the start is sent: events may come ahead of its answer. */
  #watch(processId: string, tell: StartOptions["onOutput"]) {
    let onFirst: (time: number) => void = () => {};
    const firstOutput = new Promise<number>((resolve) => (onFirst = resolve));
    const closed = new Promise<number>((resolve, reject) => {
      const onOutput = (bytes: number) => {
        onFirst(performance.now());
        tell?.(bytes);
      };
      this.#watchers.set(processId, { onOutput, resolve, reject });
    });
    // Whoever does not wait for the end does not mind that the connection ended first.
    closed.catch(() => {});
    return { firstOutput, closed };
  }

  #receive(frame: Buffer): void {
    if (isOutput(frame)) {
      this.#watchers.get(textOf(frame, '"processId":"'))?.onOutput(decodedBytes(frame));
      return;
    }
    const id = answeredId(frame);
    if (id === undefined) this.#receiveEvent(JSON.parse(frame.toString()));
    else {
      this.#answers.get(id)?.resolve(frame);
      this.#answers.delete(id);
    }
  }

  #receiveEvent({ method, params }: Message): void {
    if (method !== "process/closed" || !params) return;
    this.#watchers.get(params.processId)?.resolve(performance.now());
    this.#watchers.delete(params.processId);
  }

  #failAll(error: Error): void {
    for (const waiter of [...this.#answers.values(), ...this.#watchers.values()]) {
      waiter.reject(error);
    }
    this.#answers.clear();
    this.#watchers.clear();
  }
}
