import { Expiry } from "../../../async/expiry.ts";
import { closedProcessTtlMs, unconfirmedOutputTtlMs } from "../../../limits.ts";
import type { Receipts } from "../output/receipts.ts";
import type { ManagedProcess } from "./managed-process.ts";

interface ClosedProcessesOptions {
  /** How long a closed process stays when no client wants it; 80 s when absent. */
  readonly ttlMs?: number | undefined;
  /** How far the receiver of the events has come, if it confirms them. */
  readonly receipts?: (() => Receipts | undefined) | undefined;
  readonly forget: (process: ManagedProcess) => void;
}

interface Closed {
  readonly process: ManagedProcess;
  readonly atMs: number;
}

/** Closed processes, until no client is expected to read them any more. */
export class ClosedProcesses {
  readonly #options: ClosedProcessesOptions;
  readonly #ttlMs: number;
  readonly #expiry: Expiry<Closed>;

  constructor(options: ClosedProcessesOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? closedProcessTtlMs;
    this.#expiry = new Expiry(this.#ttlMs, (closed) => this.#forgetUnlessWanted(closed));
  }

  add(process: ManagedProcess): void {
    this.#expiry.add({ process, atMs: performance.now() });
  }

  /** Stops forgetting processes. */
  close(): void {
    this.#expiry.close();
  }

  #forgetUnlessWanted(closed: Closed): void {
    if (this.#isWanted(closed)) this.#expiry.add(closed);
    else this.#options.forget(closed.process);
  }

  /**
   * Whether a client still reads the process, over however slow a line; or has not confirmed what
   * was sent, because it handles that later and will ask for it again.
   */
  #isWanted({ process, atMs }: Closed): boolean {
    if (process.feed.wasReadWithin(this.#ttlMs)) return true;
    const { asked, answered } = this.#options.receipts?.() ?? noReceipts;
    return asked > answered && performance.now() - atMs < unconfirmedOutputTtlMs;
  }
}

const noReceipts: Receipts = { asked: 0, answered: 0 };
