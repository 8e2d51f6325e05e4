import { uncaughtErrorsMax, uncaughtWindowMs } from "../limits.ts";
import { type Log, stackOf } from "../server/watch/log.ts";

interface UncaughtErrorOptions {
  readonly log: Log;
  /** Called when errors keep coming: then an orderly stop is better than going on. */
  readonly giveUp: () => void;
}

/**
 * Makes the handler for uncaught errors and unhandled rejections. Requests share no state that one
 * could leave inconsistent, so the error is logged and all other requests go on.
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
