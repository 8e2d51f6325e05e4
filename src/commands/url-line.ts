import { write } from "node:fs";
import { promisify } from "node:util";
import { unreadUrlMs } from "../limits.ts";
import type { Log } from "../server/watch/log.ts";

const writeLater = promisify(write);

/**
 * Prints the URL on stdout. Rejects when it cannot be written; that nobody reads stdout is only
 * logged, because a client that knows the port can still connect.
 */
export async function tellUrl(url: string, log: Log): Promise<void> {
  const complain = () => log("warn", `nobody reads stdout; the server listens at ${url}`);
  const unread = setTimeout(complain, unreadUrlMs).unref();
  try {
    await tell(`${url}\n`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EPIPE") return complain();
    throw new Error(`the URL cannot be written to stdout: ${message}; let stdout lead elsewhere`);
  } finally {
    clearTimeout(unread);
  }
}

/**
 * Written on a thread, because a pipe may be full. Creating Node's stream for stdout, which would
 * wait for that here, takes 1 ms, so it is only used when the write would block and may not.
 */
async function tell(line: string): Promise<void> {
  try {
    await writeLater(1, line);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    await new Promise<void>((resolve, reject) => {
      process.stdout.once("error", reject);
      process.stdout.write(line, (failure) => (failure ? reject(failure) : resolve()));
    });
  }
}
