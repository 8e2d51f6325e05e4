import { WebSocket } from "ws";

export interface StartOptions {
  readonly tty?: boolean;
  readonly onOutput?: (bytes: number) => void;
}

/** A process under way; the times are those of `performance.now()`. */
export interface Running {
  readonly processId: string;
  readonly startedAt: number;
  /** Resolves with the time of the first output. */
  readonly firstOutput: Promise<number>;
  /** Resolves with the time of `process/closed`. */
  readonly closed: Promise<number>;
}

interface Watcher {
  onOutput(bytes: number): void;
  onClosed(): void;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly processId: string };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

let ids = 0;

export async function openClient(url: string): Promise<BenchClient> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  const client = new BenchClient(socket);
  await client.call("initialize", { clientName: "bench" });
  client.notify("initialized", {});
  return client;
}

/** A client that spends as little as it can: frames of output are measured, not parsed. */
export class BenchClient {
  readonly #socket: WebSocket;
  readonly #replies = new Map<number, (reply: Reply) => void>();
  readonly #watchers = new Map<string, Watcher>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (frame: Buffer) => this.#receive(frame));
  }

  /** Gives the result; fails with the text of an error. */
  async call(method: string, params: unknown): Promise<unknown> {
    ids += 1;
    const id = ids;
    const reply = new Promise<Reply>((resolve) => this.#replies.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { error, result } = await reply;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  notify(method: string, params: unknown): void {
    this.#socket.send(JSON.stringify({ method, params }));
  }

  /** Starts a command; resolves when the start is answered. */
  async start(
    argv: readonly string[],
    { tty = false, onOutput }: StartOptions = {},
  ): Promise<Running> {
    ids += 1;
    const processId = `bench-${ids}`;
    const startedAt = performance.now();
    const times = this.#watch(processId, onOutput);
    const env = { PATH: "/usr/bin:/bin" };
    await this.call("process/start", { processId, argv, cwd: "file:///", env, tty });
    return { processId, startedAt, ...times };
  }

  /** Watches before the start is sent: events may come ahead of its answer. */
  #watch(processId: string, tell: StartOptions["onOutput"]) {
    let onFirst: (time: number) => void = () => {};
    const firstOutput = new Promise<number>((resolve) => (onFirst = resolve));
    const closed = new Promise<number>((resolve) => {
      this.#watchers.set(processId, {
        onOutput: (bytes) => {
          onFirst(performance.now());
          tell?.(bytes);
        },
        onClosed: () => resolve(performance.now()),
      });
    });
    return { firstOutput, closed };
  }

  close(): void {
    this.#socket.terminate();
  }

  #receive(frame: Buffer): void {
    if (isOutput(frame)) this.#receiveOutput(frame);
    else this.#receiveMessage(frame);
  }

  #receiveMessage(frame: Buffer): void {
    const reply: Reply = JSON.parse(frame.toString("latin1"));
    if (reply.id !== undefined) {
      this.#replies.get(reply.id)?.(reply);
      this.#replies.delete(reply.id);
    } else if (reply.method === "process/closed" && reply.params) {
      this.#watchers.get(reply.params.processId)?.onClosed();
      this.#watchers.delete(reply.params.processId);
    }
  }

  #receiveOutput(frame: Buffer): void {
    this.#watchers.get(textOf(frame, '"processId":"'))?.onOutput(decodedBytes(frame));
  }
}

const outputName = Buffer.from('"process/output"');
const chunkName = Buffer.from('"chunk":"');
const quote = 0x22;

/** The name of the method stands at one of the two ends of a frame, whoever wrote it. */
function isOutput(frame: Buffer): boolean {
  return frame.subarray(0, 80).includes(outputName) || frame.subarray(-80).includes(outputName);
}

function textOf(frame: Buffer, name: string): string {
  const from = frame.indexOf(name) + name.length;
  return frame.toString("latin1", from, frame.indexOf(quote, from));
}

/** Four characters of base64 are three bytes, less one for each `=` at the end. */
function decodedBytes(frame: Buffer): number {
  const from = frame.indexOf(chunkName) + chunkName.length;
  const to = frame.indexOf(quote, from);
  const padding = frame.subarray(to - 2, to).filter((byte) => byte === 0x3d).length;
  return ((to - from) / 4) * 3 - padding;
}
