import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { newcomersMax, newcomersQuietMs, newcomersShareOfFiles } from "../limits.ts";
import { clientNetwork } from "./access/client-network.ts";
import type { Log } from "./watch/log.ts";

type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress">;

/**
 * Connections that are not WebSockets yet: clients in their handshake, probes, and attackers who
 * open a thousand a second to use up the descriptors. When there are too many, the client network
 * with most of them loses its oldest. A real client needs only milliseconds for its handshake, and
 * one on a slow line cannot be pushed out by connections from elsewhere.
 */
export class Newcomers {
  /** By client network, then by both ends: a TLS socket has those of the TCP socket below it. */
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

  /** The connection is now a WebSocket and no newcomer any more. */
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

  /** Logs the first cut of a flood only, because a line for each would make the flood worse. */
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
  clientNetwork(`${remoteAddress}`),
  `${remoteAddress} ${remotePort} ${localAddress}`,
];

/** How many files this process may have open; infinite where the system does not tell. */
function openFilesMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "latin1");
    const [, files] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return files === undefined ? Number.POSITIVE_INFINITY : Number(files);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
