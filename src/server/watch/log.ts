export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Ids, durations, counts: never contents, arguments or variables of commands. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The server's log; never on stdout, which is for the URL. */
export interface Log {
  (level: LogLevel, message: string, fields?: LogFields): void;
  /** Whether lines of this level are written at all; asked before fields are gathered. */
  writes(level: LogLevel): boolean;
}

/** The text by which a bug of this program is logged: its stack, where there is one. */
export const stackOf = (thrown: unknown): string => (thrown as Error)?.stack ?? String(thrown);

/** Whether a log that is set to `least` writes a line of `level`. */
export const isLogged = (level: LogLevel, least: LogLevel) =>
  logLevels.indexOf(level) >= logLevels.indexOf(least);
