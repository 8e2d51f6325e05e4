import { standstillMsMin } from "../limits.ts";

interface Entry<T> {
  readonly item: T;
  at: number;
}

/**
 * Forgets items a fixed time after they were added, with one timer that does not keep the process
 * alive. If the whole program stood still that time starts again, because no client could ask for
 * the items meanwhile.
 */
export class Expiry<T> {
  readonly #ttlMs: number;
  readonly #forget: (item: T) => void;
  /** Oldest first, because all have the same time to live. */
  #entries: Entry<T>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #isClosed = false;

  constructor(ttlMs: number, forget: (item: T) => void) {
    this.#ttlMs = ttlMs;
    this.#forget = forget;
  }

  add(item: T): void {
    if (this.#isClosed) return;
    this.#entries.push({ item, at: performance.now() + this.#ttlMs });
    if (!this.#timer) this.#sleep(this.#ttlMs);
  }

  /** Stops forgetting, also of items added later: a timer would keep them in memory. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#entries = [];
  }

  #sleep(delayMs: number): void {
    this.#dueAt = performance.now() + delayMs;
    this.#timer = setTimeout(() => this.#forgetExpired(), Math.ceil(delayMs)).unref();
  }

  #forgetExpired(): void {
    const now = performance.now();
    const stoodStill = now - this.#dueAt > standstillMsMin;
    if (stoodStill) for (const entry of this.#entries) entry.at = now + this.#ttlMs;
    const firstYoung = this.#entries.findIndex(({ at }) => at > now);
    const expired = this.#entries.splice(0, firstYoung < 0 ? this.#entries.length : firstYoung);
    for (const { item } of expired) this.#forget(item);
    this.#timer = undefined;
    const [next] = this.#entries;
    if (next) this.#sleep(next.at - now);
  }
}
