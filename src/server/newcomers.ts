import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { newcomersMax, newcomersQuietMs, newcomersShareOfFiles } from "../limits.ts";
import type { Log } from "./log.ts";
import { origin } from "./origin.ts";

type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress">;

/**
 * Connections that are no WebSockets yet: of clients that shake hands, of probes, and of who only
 * takes descriptors until his time is over, a thousand a second if he likes. Of too many the oldest
 * goes of the address that has most: who means to get on needs milliseconds for what the others
 * never do, and on a long line more, which nobody elsewhere can take from him.
 */
export class Newcomers {
  /** Of each origin, by their ends, which an encrypted one shares with what it is made of. */
  readonly #sockets = new Map<string, Map<string, Socket>>();
  readonly #log: Log;
  readonly #max = Math.min(newcomersMax, Math.floor(openFilesMax() / newcomersShareOfFiles));
  #count = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(log: Log) {
    this.#log = log;
  }

  add(socket: Socket): void {
    const [address, ends] = namesOf(socket);
    const neighbours = this.#sockets.get(address) ?? new Map<string, Socket>();
    this.#sockets.set(address, neighbours);
    if (!neighbours.has(ends)) this.#count++;
    neighbours.set(ends, socket);
    socket.once("close", () => {
      if (neighbours.get(ends) === socket) this.#forget(address, ends);
    });
    if (this.#count > this.#max) this.#cutOldest();
  }

  /** It is a WebSocket now, which is counted elsewhere. */
  arrived(socket: Ends): void {
    this.#forget(...namesOf(socket));
  }

  #forget(address: string, ends: string): void {
    const neighbours = this.#sockets.get(address);
    if (!neighbours?.delete(ends)) return;
    this.#count--;
    if (neighbours.size === 0) this.#sockets.delete(address);
  }

  #cutOldest(): void {
    const [address, neighbours] = [...this.#sockets].reduce((most, each) =>
      each[1].size > most[1].size ? each : most,
    );
    const [oldest] = neighbours;
    if (oldest === undefined) return;
    const [ends, socket] = oldest;
    this.#forget(address, ends);
    socket.destroy();
    this.#tell();
  }

  /** Once, and again after a time without any: each line that is written makes a flood worse. */
  #tell(): void {
    const now = performance.now();
    const isNew = now - this.#toldAtMs > newcomersQuietMs;
    this.#toldAtMs = now;
    if (!isNew) return;
    this.#log(
      "warn",
      `more than ${this.#max} connections have sent no whole request: the oldest of them are cut`,
    );
  }
}

const namesOf = ({ remoteAddress, remotePort, localAddress }: Ends): [string, string] => [
  origin(`${remoteAddress}`),
  `${remoteAddress} ${remotePort} ${localAddress}`,
];

/** How many files this process may have open, where the system tells. */
function openFilesMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "latin1");
    const [, files] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return files === undefined ? Number.POSITIVE_INFINITY : Number(files);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
