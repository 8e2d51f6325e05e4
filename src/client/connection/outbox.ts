import type { Buffer } from "node:buffer";
import type { WebSocket } from "ws";
import { bulkMessageCharsMin } from "../../limits.ts";
import type { Method } from "../../protocol/methods.ts";
import { SendWindow } from "../../protocol/send-window.ts";
import type { Asked } from "./rpc-client.ts";

interface Waiting {
  readonly text: string;
  /** Ids of processes, file handles and HTTP requests, and paths, that the request names. */
  readonly subjects: readonly string[];
  readonly isWanted: () => boolean;
}

/**
 * Sends the messages of one connection in two lanes. A WebSocket keeps the order of messages, so a
 * kill would wait for every byte of an upload before it. Large requests therefore wait here until
 * most bytes of earlier ones have arrived. All other requests overtake them, except those with a
 * common subject.
 */
export class Outbox {
  readonly #socket: WebSocket;
  readonly #window = new SendWindow();
  readonly #waiting: Waiting[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("pong", (mark: Buffer) => {
      this.#window.arrive(Number(mark.toString()), performance.now());
      this.#sendWaiting();
    });
  }

  send(text: string, asked?: Asked): void {
    if (asked && this.#hasToWait(text, asked)) {
      this.#waiting.push({ text, subjects: subjectsOf(asked), isWanted: asked.isWanted });
      this.#sendWaiting();
    } else {
      this.#socket.send(text);
    }
  }

  #hasToWait(text: string, asked: Asked): boolean {
    if (isBulk(text) && bulkMethods.has(asked.method)) return true;
    if (this.#waiting.length === 0 || passingMethods.has(asked.method)) return false;
    const subjects = subjectsOf(asked);
    return this.#waiting.some((waiting) => haveCommon(waiting.subjects, subjects));
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (isBulk(next.text) && !this.#window.hasRoom()) return;
      this.#waiting.shift();
      if (!next.isWanted()) continue;
      if (isBulk(next.text)) this.#sendBulk(next.text);
      else this.#socket.send(next.text);
    }
  }

  #sendBulk(text: string): void {
    this.#socket.send(text);
    this.#socket.ping(`${this.#window.send(text.length, performance.now())}`);
  }
}

const bulkMethods: ReadonlySet<Method> = new Set<Method>([
  "process/write",
  "fs/writeBlock",
  "fs/writeFile",
  "http/request",
]);

/** These name a process but do not concern its input, and stopping it is urgent. */
const passingMethods: ReadonlySet<Method> = new Set<Method>([
  "process/start",
  "process/read",
  "process/resize",
  "process/signal",
  "process/terminate",
]);

const isBulk = (text: string) => text.length >= bulkMessageCharsMin;

const subjectMembers = [
  "processId",
  "handleId",
  "requestId",
  "path",
  "sourcePath",
  "destinationPath",
];

function subjectsOf({ params }: Asked): string[] {
  const values = (params ?? {}) as Record<string, unknown>;
  const subjects = subjectMembers.map((name) => values[name]);
  return subjects.filter((subject) => typeof subject === "string");
}

/** Whether two lists share an id, or a path of one contains a path of the other. */
const haveCommon = (some: readonly string[], others: readonly string[]) =>
  some.some((one) => others.some((other) => isWithin(one, other) || isWithin(other, one)));

const isWithin = (path: string, above: string) =>
  path === above || path.startsWith(above.endsWith("/") ? above : `${above}/`);
