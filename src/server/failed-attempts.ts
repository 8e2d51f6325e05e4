import { failedAddressesMax, failedAttemptsMax, failedAttemptsWindowMs } from "../limits.ts";
import { origin } from "./origin.ts";

interface Failures {
  count: number;
  readonly until: number;
}

/** Counts refused tokens by address, and tells which address has had too many. */
export class FailedAttempts {
  /** In the order in which the windows began, so that the first is the oldest. */
  readonly #failures = new Map<string, Failures>();

  /** How long this address has to wait until it is listened to again; 0 when it does not. */
  waitMs(address: string, now = performance.now()): number {
    const failures = this.#current(address, now);
    return failures && failures.count >= failedAttemptsMax ? failures.until - now : 0;
  }

  /** Enters a refused token. True when it was the one after which the address has to wait. */
  add(address: string, now = performance.now()): boolean {
    const failures = this.#current(address, now) ?? this.#begin(address, now);
    failures.count++;
    return failures.count === failedAttemptsMax;
  }

  #current(address: string, now: number): Failures | undefined {
    const failures = this.#failures.get(origin(address));
    return failures && failures.until > now ? failures : undefined;
  }

  #begin(address: string, now: number): Failures {
    const key = origin(address);
    this.#failures.delete(key);
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined && this.#failures.size >= failedAddressesMax) {
      this.#failures.delete(oldest);
    }
    const failures = { count: 0, until: now + failedAttemptsWindowMs };
    this.#failures.set(key, failures);
    return failures;
  }
}
