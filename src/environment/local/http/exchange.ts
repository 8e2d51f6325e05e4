import { deferred } from "../../../async/deferred.ts";
import { PatientTimer } from "../../../async/patient-timer.ts";
import { timerMsMax } from "../../../limits.ts";
import { messageOf } from "../../../protocol/errors.ts";

/** Why this side has interrupted an exchange. */
export type Interruption = "timeout" | "cancelled" | "closed";

/** Errors for the client. A timeout has none of its own, as in the reference. */
const complaints: Partial<Record<Interruption, string>> = {
  cancelled: "cancelled by http/cancel",
  closed: "the connection of the client has ended",
};

interface ExchangeOptions {
  readonly requestId: string;
  readonly isStream: boolean;
  readonly timeoutMs: number | null | undefined;
  readonly onEnd: (exchange: Exchange) => void;
}

/** One HTTP request, from the client's call to the end of its body. */
export class Exchange {
  readonly requestId: string;
  readonly isStream: boolean;
  /** Settles when nothing more is sent to the client about this request. */
  readonly ended: Promise<void>;
  readonly #controller = new AbortController();
  readonly #timer: PatientTimer | undefined;
  readonly #onEnd: () => void;
  #interruption: Interruption | undefined;

  constructor({ requestId, isStream, timeoutMs, onEnd }: ExchangeOptions) {
    this.requestId = requestId;
    this.isStream = isStream;
    const { promise, resolve } = deferred<void>();
    this.ended = promise;
    this.#onEnd = () => {
      onEnd(this);
      resolve();
    };
    if (timeoutMs != null) {
      const limitMs = Math.min(timeoutMs, timerMsMax);
      // It begins only once: time in which this server stood still counts, too.
      this.#timer = new PatientTimer(limitMs, () => this.interrupt("timeout"), 1);
    }
  }

  /**
   * Aborted when the exchange is interrupted and when it ends, so that none of its work goes on.
   */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  interrupt(interruption: Interruption): void {
    this.#interruption ??= interruption;
    this.#controller.abort();
  }

  /** The error for the client: that of the interruption, if it has one, else `otherwise`. */
  complaint(otherwise: string): string {
    return (this.#interruption && complaints[this.#interruption]) ?? otherwise;
  }

  /** Why sending failed: the timeout, or the system's reasons. */
  reasonOf(failure: unknown): string {
    if (this.#interruption === "timeout") return "no answer within `timeoutMs`";
    // A host with several addresses: each of them was tried.
    const reasons = failure instanceof AggregateError ? failure.errors : [failure];
    return reasons.map(messageOf).join(", ");
  }

  /** Settles as `awaited` does; rejects at once when the exchange is interrupted. */
  wait<T>(awaited: Promise<T>): Promise<T> {
    const { signal } = this;
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
    return Promise.race([awaited, aborted]).finally(() => {
      signal.removeEventListener("abort", onAbort);
    });
  }

  /** Ends the exchange; nothing more may be sent for it. */
  end(): void {
    this.#timer?.stop();
    this.#controller.abort();
    this.#onEnd();
  }
}
