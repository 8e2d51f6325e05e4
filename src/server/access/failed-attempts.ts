import { failedAddressesMax, failedAttemptsMax, failedAttemptsWindowMs } from "../../limits.ts";
import { clientNetwork } from "./client-network.ts";

interface Failures {
  count: number;
  readonly until: number;
}

/** Counts refused tokens by client network, to slow down those who guess. */
export class FailedAttempts {
  /** In the order in which the windows began, so that the first is the oldest. */
  readonly #failures = new Map<string, Failures>();

  /** How long, in ms, bad tokens from this address are refused unseen; 0 when they are not. */
  waitMs(address: string, now = performance.now()): number {
    const failures = this.#current(address, now);
    return failures && failures.count >= failedAttemptsMax ? failures.until - now : 0;
  }

  /** Counts a refused token. True when it is the one after which the address has to wait. */
  add(address: string, now = performance.now()): boolean {
    const failures = this.#current(address, now) ?? this.#begin(address, now);
    failures.count++;
    return failures.count === failedAttemptsMax;
  }

  #current(address: string, now: number): Failures | undefined {
    const failures = this.#failures.get(clientNetwork(address));
    return failures && failures.until > now ? failures : undefined;
  }

  #begin(address: string, now: number): Failures {
    const key = clientNetwork(address);
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
