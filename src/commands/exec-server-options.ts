import { type Command, InvalidArgumentError, Option, type OptionValues } from "commander";
import { defaultLimits, type Limits, sessionTtlMs, timerMsMax } from "../limits.ts";
import { type LogLevel, logLevels } from "../server/watch/log.ts";
import type { AccessFlags } from "./access-options.ts";
import { byteCount, byteText, wholeNumber } from "./size-text.ts";

/** The options of `codex exec-server` but the limits, with commander's names. */
export interface ExecServerFlags extends AccessFlags {
  readonly listen: string;
  readonly sessionTtl: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly logLevel: LogLevel;
  readonly auditLog?: string;
}

export function addExecServerOptions(command: Command): void {
  addListenOptions(command);
  addAccessOptions(command);
  addLimitOptions(command);
  addDiagnosticsOptions(command);
}

function addListenOptions(command: Command): void {
  command
    .option(
      "--listen <URL>",
      "address to listen at: ws://IP:PORT; port 0 takes a free one",
      "ws://127.0.0.1:0",
    )
    .option("--tls-cert <FILE>", "certificate chain in PEM: serve wss:// instead of ws://")
    .option("--tls-key <FILE>", "private key of the certificate, in PEM")
    .addOption(
      new Option("--session-ttl <SECONDS>", "how long a session without a connection lives")
        .argParser(positiveSeconds)
        .default(sessionTtlMs / 1000),
    );
}

function addAccessOptions(command: Command): void {
  command
    .optionsGroup("Access:")
    .addOption(
      new Option("--ws-auth <MODE>", "require a bearer token from every client").choices([
        "capability-token",
        "signed-bearer-token",
      ]),
    )
    .option("--ws-token-file <FILE>", "capability-token: file that holds the token")
    .option("--ws-token-sha256 <HEX>", "capability-token: SHA-256 of the token, instead of a file")
    .option(
      "--ws-shared-secret-file <FILE>",
      "signed-bearer-token: file with the HS256 secret of the JSON web tokens, 32 bytes or more",
    )
    .option("--ws-issuer <NAME>", "signed-bearer-token: required issuer of a token")
    .option("--ws-audience <NAME>", "signed-bearer-token: required audience of a token")
    .addOption(
      new Option(
        "--ws-max-clock-skew-seconds <SECONDS>",
        "signed-bearer-token: how far the signer's clock may be off (default: 30)",
      ).argParser(seconds),
    )
    .option(
      "--insecure-no-auth",
      "listen beyond this machine without a token: anyone may run commands",
    );
}

/** The flag that sets each limit, and what that bounds. */
const limitOptions: Readonly<Record<keyof Limits, readonly [flag: string, bounded: string]>> = {
  sessionsMax: ["--max-sessions", "sessions, attached and detached"],
  connectionsMax: ["--max-connections", "open connections"],
  processesMax: ["--max-processes", "unclosed processes of one session"],
  fileHandlesMax: ["--max-open-files", "open files of one connection"],
  inboundBytesMax: ["--max-inbound", "size of all unanswered requests of one connection"],
  messageBytesMax: ["--max-message", "size of one message"],
  retainedOutputBytesMax: ["--max-retained-output", "newest output of one process kept in memory"],
  spilledOutputBytesMax: ["--max-spill", "older output of one process kept on disk"],
  spilledOutputTotalBytesMax: ["--max-spill-total", "older output of all processes kept on disk"],
  httpBodyBytesMax: ["--max-http-body", "size of an HTTP response that is not streamed"],
  helpersMax: ["--max-helpers", "sandboxed workers for file operations"],
};

const limitRows = Object.entries(limitOptions) as [keyof Limits, readonly [string, string]][];

function addLimitOptions(command: Command): void {
  command.optionsGroup("Limits:");
  for (const [limit, [flag, bounded]] of limitRows) {
    const value = defaultLimits[limit];
    command.addOption(
      limit.endsWith("BytesMax")
        ? new Option(`${flag} <BYTES>`, bounded)
            .argParser(byteCount)
            .default(value, byteText(value))
        : new Option(`${flag} <N>`, bounded).argParser(wholeNumber).default(value),
    );
  }
}

/** The limits that the options set. */
export function limitsFrom(flags: OptionValues): Limits {
  const values = limitRows.map(([limit, [flag]]) => [
    limit,
    flags[new Option(flag).attributeName()],
  ]);
  return Object.fromEntries(values);
}

function addDiagnosticsOptions(command: Command): void {
  command
    .optionsGroup("Diagnostics:")
    .addOption(
      new Option("--log-level <LEVEL>", "lowest level that is logged on stderr")
        .choices(logLevels)
        .default("warn" satisfies LogLevel),
    )
    .option("--audit-log <FILE>", "append a hash-chained record of who started which program where")
    .optionsGroup("Options:");
}

function positiveSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= secondsMax) return value;
  throw new InvalidArgumentError(
    `Expected a number of seconds greater than 0, and at most ${secondsMax}.`,
  );
}

/** 24 days. */
const secondsMax = Math.floor(timerMsMax / 1000);

function seconds(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number of seconds.");
}
