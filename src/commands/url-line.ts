import { writeSync } from "node:fs";
import type { Log } from "../server/watch/log.ts";

/**
 * Prints the URL on stdout. Rejects when it cannot be written; that nobody reads stdout is only
 * logged.
 */
export async function tellUrl(url: string, log: Log): Promise<void> {
  try {
    await tell(`${url}\n`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EPIPE") {
      throw new Error(`the URL cannot be written to stdout: ${message}; let stdout lead elsewhere`);
    }
    // A client that knows the port can still connect.
    log("warn", `nobody reads stdout; the server listens at ${url}`);
  }
}

/**
 * Written directly: creating Node's stream for stdout takes 1 ms, so that is only used when the
 * write would block.
 */
async function tell(line: string): Promise<void> {
  try {
    writeSync(1, line);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    await new Promise<void>((resolve, reject) => {
      process.stdout.once("error", reject);
      process.stdout.write(line, (failure) => (failure ? reject(failure) : resolve()));
    });
  }
}
