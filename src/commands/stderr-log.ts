import type { Log } from "../server/log.ts";

/** One line a message; only what somebody should look at. */
export const stderrLog: Log = (level, message) => {
  if (level === "warn" || level === "error") process.stderr.write(`${level}: ${message}\n`);
};
