import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** When a connection through the proxy is cut: after so many bytes, counted in both directions. */
export type CutAfter = () => number;

export interface CuttingProxy {
  /** The address of the proxy, which leads to the server. */
  readonly url: string;
  cuts(): number;
  /** Cuts what is open now. */
  cutAll(): void;
  /** From now on nothing gets through, and nobody is told: as when a network is gone. */
  freeze(): void;
  /** Cuts no more by itself. */
  calm(): void;
  close(): Promise<void>;
}

/** A TCP proxy that breaks connections. */
export async function cuttingProxy(target: string, cutAfter: CutAfter): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const proxy = new BreakingProxy({ host: hostname, port: Number(port) }, cutAfter);
  return proxy.listen();
}

class BreakingProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #open = new Set<() => void>();
  readonly #server = createServer((client) => this.#onConnection(client));
  #cutAfter: CutAfter;
  #cuts = 0;
  #frozen = false;

  constructor(target: { readonly host: string; readonly port: number }, cutAfter: CutAfter) {
    this.#target = target;
    this.#cutAfter = cutAfter;
  }

  async listen(): Promise<CuttingProxy> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return {
      url: `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`,
      cuts: () => this.#cuts,
      cutAll: () => this.#cutAll(),
      freeze: () => {
        this.#frozen = true;
      },
      calm: () => {
        this.#cutAfter = () => Number.POSITIVE_INFINITY;
      },
      close: () => this.#close(),
    };
  }

  #onConnection(client: Socket): void {
    const server = connect(this.#target);
    let left = this.#cutAfter();
    const cut = () => {
      if (!this.#open.delete(cut)) return;
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    this.#open.add(cut);
    const forward = (from: Socket, to: Socket) =>
      from.on("data", (bytes) => {
        if (this.#frozen || left <= 0) return;
        if (bytes.length < left) to.write(bytes);
        else to.write(bytes.subarray(0, left), () => this.#count(cut));
        left -= bytes.length;
      });
    forward(client, server);
    forward(server, client);
    for (const socket of [client, server]) socket.on("error", cut).on("close", cut);
  }

  #count(cut: () => void): void {
    if (this.#open.has(cut)) this.#cuts++;
    cut();
  }

  #cutAll(): void {
    for (const cut of this.#open) this.#count(cut);
  }

  async #close(): Promise<void> {
    for (const cut of this.#open) cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
