export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where the server says what happens; never on stdout, which is for the URL. */
export type Log = (level: LogLevel, message: string) => void;
