import { uncaughtErrorsMax, uncaughtWindowMs } from "../limits.ts";
import { type Log, stackOf } from "../server/log.ts";

interface UncaughtErrorOptions {
  readonly log: Log;
  /** Called when the errors do not end: to stop in order is better than to go on then. */
  readonly giveUp: () => void;
}

/**
 * What to do with an error that nobody caught, a rejected promise included. Requests share nothing
 * that one of them could leave half done, so the error is logged and everybody else is served on.
 */
export function uncaughtErrorHandler({ log, giveUp }: UncaughtErrorOptions) {
  let recent: number[] = [];
  return (error: unknown): void => {
    const now = performance.now();
    recent = [...recent.filter((atMs) => now - atMs < uncaughtWindowMs), now];
    if (recent.length > uncaughtErrorsMax) return;
    log("error", `an error that nobody caught: ${stackOf(error)}`);
    if (recent.length < uncaughtErrorsMax) return;
    log("error", `${recent.length} such errors in ${uncaughtWindowMs} ms: the server stops`);
    giveUp();
  };
}
