import { isatty } from "node:tty";
import { isLogged, type Log, type LogFields, type LogLevel } from "../server/watch/log.ts";
import { readableLine } from "./readable-line.ts";
import { StderrWriter } from "./stderr-writer.ts";

export interface StderrLog {
  readonly log: Log;
  /** Writes the remaining lines. */
  close(): Promise<void>;
}

type Write = (level: LogLevel, message: string, fields: LogFields) => void;

/**
 * A log on stderr: JSON lines, or readable ones on a terminal. The library is loaded with the first
 * line: most servers never write one, and start sooner.
 */
export function stderrLog(least: LogLevel): StderrLog {
  const writer = new StderrWriter();
  const writeReadable: Write = (...line) => writer.write(readableLine(...line));
  let writing: Promise<Write> | undefined;
  const log = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (!isLogged(level, least)) return;
    writing ??= isatty(2) ? Promise.resolve(writeReadable) : jsonLines(writer);
    // Without free descriptors the library cannot be loaded, and then the line matters all the
    // more.
    const instead = () => writeReadable(level, message, fields);
    void writing.then((write) => write(level, message, fields), instead);
  };
  return {
    log: Object.assign(log, { writes: (level: LogLevel) => isLogged(level, least) }),
    close: async () => {
      await writing?.catch(() => undefined);
      await writer.close();
    },
  };
}

async function jsonLines(writer: StderrWriter): Promise<Write> {
  const { default: pino } = await import("pino");
  const logger = pino(
    {
      level: "debug",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    writer,
  );
  return (level, message, fields) => logger[level](fields, message);
}
