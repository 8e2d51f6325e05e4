import { logBacklogBytesMax, shutdownGraceMs } from "../limits.ts";
import { isLogged, type Log, type LogFields, type LogLevel } from "../server/log.ts";
import { readableLine } from "./readable-line.ts";

export interface StderrLog {
  readonly log: Log;
  /** Writes what is left. */
  close(): Promise<void>;
}

type Write = (level: LogLevel, message: string, fields: LogFields) => void;

/**
 * Lines on stderr: JSON, or readable ones when a person looks at a terminal. The library is loaded
 * by the first line that is written: most servers never write one, and start sooner.
 */
export function stderrLog(least: LogLevel): StderrLog {
  let writing: Promise<{ write: Write; close(): Promise<void> }> | undefined;
  const log = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (!isLogged(level, least)) return;
    writing ??= process.stderr.isTTY ? Promise.resolve(terminalLines) : jsonLines();
    // Without descriptors the library cannot be loaded; the line must be seen all the more.
    const instead = () => terminalLines.write(level, message, fields);
    void writing.then(({ write }) => write(level, message, fields), instead);
  };
  return {
    log: Object.assign(log, { writes: (level: LogLevel) => isLogged(level, least) }),
    close: async () => (await writing?.catch(() => terminalLines))?.close(),
  };
}

const terminalLines = {
  write: (level: LogLevel, message: string, fields: LogFields) =>
    void process.stderr.write(readableLine(level, message, fields)),
  close: async () => {},
};

/** Written asynchronously, so that whoever does not read our stderr does not stop the server. */
async function jsonLines() {
  const { default: pino } = await import("pino");
  const destination = pino.destination({ dest: 2, sync: false, maxLength: logBacklogBytesMax });
  // Whoever read our stderr has gone; a line that nobody can read must not end the server.
  destination.on("error", () => {});
  const logger = pino(
    {
      level: "debug",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    write: (level: LogLevel, message: string, fields: LogFields) => logger[level](fields, message),
    close: () => written(destination),
  };
}

/** Waits until the lines are out, but not for a reader who does not read. */
function written(destination: { end(): void; once(event: "close", done: () => void): unknown }) {
  return new Promise<void>((resolve) => {
    destination.once("close", resolve);
    setTimeout(resolve, shutdownGraceMs);
    destination.end();
  });
}
