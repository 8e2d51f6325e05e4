import { timerMsMax } from "../../../limits.ts";
import { deferred } from "../../../protocol/deferred.ts";
import { messageOf } from "../../../protocol/errors.ts";
import { PatientTimer } from "../../../protocol/patient-timer.ts";

/** Why an exchange was ended from this side. */
export type Interruption = "timeout" | "cancelled" | "closed";

/** What the client is told; a timeout looks like any other failure, as with the reference. */
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

/** One request from the call to the end of its body. */
export class Exchange {
  readonly requestId: string;
  readonly isStream: boolean;
  /** Settles when nothing will be said about this request any more. */
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
      // Not begun anew: it counts from the call, whoever was there meanwhile.
      this.#timer = new PatientTimer(limitMs, () => this.interrupt("timeout"), 1);
    }
  }

  /** Aborted when the exchange is interrupted, and at its end: nothing it began may go on. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  interrupt(interruption: Interruption): void {
    this.#interruption ??= interruption;
    this.#controller.abort();
  }

  /** What to tell the client of a failure: its own doing, else what it looked like from here. */
  complaint(otherwise: string): string {
    return (this.#interruption && complaints[this.#interruption]) ?? otherwise;
  }

  /** Why sending failed, in the words of the system. */
  reasonOf(failure: unknown): string {
    if (this.#interruption === "timeout") return "no answer within `timeoutMs`";
    // Of a name that leads to several addresses each was tried.
    const reasons = failure instanceof AggregateError ? failure.errors : [failure];
    return reasons.map(messageOf).join(", ");
  }

  /** Gives what is awaited unless the exchange is interrupted before, which rejects at once. */
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

  /** Nothing more will come. */
  end(): void {
    this.#timer?.stop();
    this.#controller.abort();
    this.#onEnd();
  }
}
