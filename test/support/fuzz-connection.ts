/** A connection over which anything is sent, and whose answers are counted by id. */
import { once } from "node:events";
import { WebSocket } from "ws";
import type { FuzzMessage } from "./fuzz-frames.ts";
import { within } from "./within.ts";

const answerMsMax = 30_000;

export class FuzzConnection {
  readonly #socket: WebSocket;
  readonly #answers = new Map<string, number>();
  readonly #expected = new Map<string, number>();
  #wake = () => {};
  #sent = 0;
  #end: string | undefined;

  static async open(url: string): Promise<FuzzConnection> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const connection = new FuzzConnection(socket);
    await within(answerMsMax, "a connection", once(socket, "open"));
    return connection;
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (bytes: Buffer) => this.#count(bytes.toString()));
    socket.on("error", (error) => this.#over(error.message));
    socket.on("close", (code) => this.#over(`closed with ${code}`));
  }

  say(message: FuzzMessage): void {
    const id = idTexts[message.idKind](++this.#sent);
    const answerId = message.answer === "own" ? id : message.answer;
    if (answerId !== "none") add(this.#expected, answerId);
    const bytes = Buffer.from(message.text.replace("{id}", () => id));
    const length = Math.max(1, Math.ceil(bytes.length / message.fragments));
    for (let from = 0; from === 0 || from < bytes.length; from += length) {
      const fin = from + length >= bytes.length;
      this.#socket.send(bytes.subarray(from, from + length), { fin, binary: message.binary });
    }
  }

  request(method: string, params: object): void {
    const text = `{"id":{id},"method":"${method}","params":${JSON.stringify(params)}}`;
    this.say({ text, answer: "own", idKind: "number", fragments: 1, binary: false });
  }

  /** Waits until every message has its answer; gives what differs from one answer each. */
  async differences(): Promise<string[]> {
    const complete = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (this.#end !== undefined || this.#lacks().length === 0) resolve();
      };
    });
    this.#wake();
    await within(answerMsMax, "every answer", complete, () => this.#lacks().join());
    const excess = [...this.#answers].filter(([id, n]) => n > (this.#expected.get(id) ?? 0));
    return [...this.#lacks(), ...excess.map(([id, n]) => `${id}: ${n} answers`)];
  }

  async close(): Promise<void> {
    this.#socket.terminate();
    if (this.#end === undefined) await once(this.#socket, "close");
  }

  #lacks(): string[] {
    const lacking = [...this.#expected].filter(([id, n]) => n > (this.#answers.get(id) ?? 0));
    const end = this.#end === undefined ? "" : `, ${this.#end}`;
    return lacking.map(([id]) => `${id}: no answer${end}`);
  }

  #count(text: string): void {
    // Ids above 2^53 must come back to the last digit, so that no number may be made of them.
    const id = /^\{"id":("[^"]*"|-?\d+),/.exec(text) ?? /,"id":("[^"]*"|-?\d+)\}$/.exec(text);
    if (text.startsWith('{"method"') || !id?.[1]) return;
    add(this.#answers, id[1]);
    this.#wake();
  }

  #over(reason: string): void {
    this.#end ??= reason;
    this.#wake();
  }
}

const idTexts = {
  number: (at: number) => `${at}`,
  text: (at: number) => `"text ${at}"`,
  large: (at: number) => `${2n ** 63n + BigInt(at)}`,
};

function add(counts: Map<string, number>, id: string): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
