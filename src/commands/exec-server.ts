import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { settledWithin } from "../async/settled-within.ts";
import { immediateExit } from "../environment/local/libc/immediate-exit.ts";
import { type Limits, startSettledMs, stopMsMax } from "../limits.ts";
import type { Listener } from "../server/listen.ts";
import { parseListenUrl } from "../server/listen-url.ts";
import type { Log } from "../server/watch/log.ts";
import { accessFrom } from "./access-options.ts";
import { type ExecServerFlags, limitsFrom } from "./exec-server-options.ts";
import { finishWritesOfKilled } from "./finish-writes.ts";
import { inheritableVariables } from "./inheritable-variables.ts";
import { keepInspectorClosed, obeySignals, outliveHangUp } from "./signals.ts";
import { type StderrLog, stderrLog } from "./stderr-log.ts";
import { uncaughtErrorHandler } from "./uncaught-errors.ts";
import { tellUrl } from "./url-line.ts";
import { version } from "./version.ts";

/** `codex exec-server`: serves until a signal, and then leaves no process behind. */
export async function runExecServer(flags: ExecServerFlags): Promise<void> {
  outliveHangUp();
  keepInspectorClosed();
  const stderr = stderrLog(flags.logLevel);
  const server = await start(flags, stderr.log).catch((error) => explain(error, flags.listen));
  const stop = onlyOnce((exitCode: number) => void stopServer(server, stderr, exitCode));
  obeySignals({ log: stderr.log, stop: () => stop(0) });
  const giveUp = () => stop(1);
  process.on("uncaughtException", uncaughtErrorHandler({ log: stderr.log, giveUp }));
  // Printed last, because a reader of the URL may send a signal at once.
  await tellUrl(server.url, stderr.log).catch((error) => explain(error, flags.listen));
}

/** Only the first call counts: the first reason to stop decides how. */
function onlyOnce<T>(act: (given: T) => void): (given: T) => void {
  let isDone = false;
  return (given) => {
    if (isDone) return;
    isDone = true;
    act(given);
  };
}

/** Delayed, because the first clients need the processor more. */
function saveMemoryLater(): void {
  setTimeout(async () => (await import("./idle-memory.ts")).saveMemory(), startSettledMs).unref();
}

async function start(flags: ExecServerFlags, log: Log): Promise<Listener> {
  checkProc();
  const address = parseListenUrl(flags.listen);
  await finishWritesOfKilled(log);
  const { startExecServer } = await import("../server/exec-server.ts");
  const access = await accessFrom(flags, address, log);
  const tls = await tlsIfAsked(flags);
  const limits = limitsFrom(flags);
  const audit = await auditIfAsked(flags, log);
  const environment = localEnvironment(flags, limits, log);
  // Without an environment no client can be served, even if the URL was printed already.
  environment.then(saveMemoryLater, (error) => explain(unready(error), flags.listen));
  const sessionTtlMs = flags.sessionTtl * 1000;
  const options = { address, tls, access, limits, sessionTtlMs, environment, log, audit };
  const server = await startExecServer(options);
  if (tls) (await import("./tls-options.ts")).followTls(flags, server, log);
  return server;
}

const unready = (error: Error) =>
  new Error(
    `this machine cannot be served: ${error.message}; run \`codex exec-server doctor\` to see why`,
    { cause: error },
  );

/** Without procfs the descendants of a process cannot be found and killed. */
function checkProc(): void {
  if (process.platform !== "linux" || existsSync("/proc/self/stat")) return;
  throw new Error("there is no /proc, which the server needs: mount -t proc proc /proc");
}

/**
 * Started after the URL was printed, because it takes longest, and goes on while the first client
 * connects.
 */
async function localEnvironment(flags: ExecServerFlags, limits: Limits, log: Log) {
  await setImmediate();
  const [, program = ""] = process.argv;
  const local = await import("../environment/local/environment.ts");
  return local.localEnvironment({
    variables: inheritableVariables(),
    cwd: workingDirectory(),
    version,
    limits,
    secretFiles: secretFiles(flags),
    finisher: [process.execPath, ...process.execArgv, program, "exec-server", "finish-writes"],
    warn: (text) => log("warn", text),
  });
}

/** A confined command with a network could use them to have others run outside the sandbox. */
function secretFiles({ wsTokenFile, wsSharedSecretFile, tlsKey }: ExecServerFlags): string[] {
  const files = [wsTokenFile, wsSharedSecretFile, tlsKey].filter((file) => file !== undefined);
  return files.map((file) => resolve(file));
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    // The working directory was removed before the start; clients name their own.
    return "/";
  }
}

async function tlsIfAsked(flags: ExecServerFlags) {
  const isAsked = [flags.tlsCert, flags.tlsKey].some((file) => file !== undefined);
  if (!isAsked && !flags.listen.startsWith("wss:")) return undefined;
  return (await import("./tls-options.ts")).tlsFrom(flags);
}

async function auditIfAsked({ auditLog }: ExecServerFlags, log: Log) {
  if (auditLog === undefined) return undefined;
  return (await import("../server/watch/audit-log.ts")).openAuditLog(auditLog, log);
}

async function stopServer(server: Listener, stderr: StderrLog, exitCode: number): Promise<void> {
  const closed = server.close().catch((error) => stderr.log("error", `the stop failed: ${error}`));
  await settledWithin(closed, stopMsMax);
  await stderr.close();
  (await immediateExit())?.(exitCode);
  process.exit(exitCode);
}

function explain(error: NodeJS.ErrnoException, listen: string): never {
  process.stderr.write(`Error: ${startComplaint(error, listen)}\n`);
  process.exit(1);
}

function startComplaint(error: NodeJS.ErrnoException, listen: string): string {
  if (error.syscall !== "listen") return error.message;
  switch (error.code) {
    case "EADDRINUSE":
      return `cannot listen at ${listen}: address in use; choose another port, or 0 for a free one`;
    case "EADDRNOTAVAIL":
      return `cannot listen at ${listen}: address not available on this machine`;
    case "EACCES":
      return `cannot listen at ${listen}: permission denied; ports below 1024 need privileges`;
    default:
      return error.message;
  }
}
