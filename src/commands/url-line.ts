import { writeSync } from "node:fs";
import type { Log } from "../server/log.ts";

/** Rejects when nobody can learn the URL because of where stdout leads. */
export async function tellUrl(url: string, log: Log): Promise<void> {
  try {
    await tell(`${url}\n`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EPIPE") {
      throw new Error(`the URL cannot be written to stdout: ${message}; let stdout lead elsewhere`);
    }
    // Whoever knows the port may still come.
    log("warn", `nobody reads stdout; the server listens at ${url}`);
  }
}

/** Not by Node's stream for stdout, to make which takes 1 ms; but that knows how to wait. */
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
