import { fstatSync, statSync } from "node:fs";
import type { Log } from "../server/watch/log.ts";

interface SignalOptions {
  readonly log: Log;
  /** Called for each signal that ends the server, also for repeated ones. */
  readonly stop: () => void;
}

/** Handlers stay installed, so that a repeated signal does not kill the server while it stops. */
export function obeySignals({ log, stop }: SignalOptions): void {
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGHUP", () => {
    if (hasTerminal()) stop();
    else log("info", "SIGHUP is ignored: no terminal of this server can have hung up");
  });
}

/**
 * Ignores SIGHUP when the server was started without a terminal. Node forgets that `nohup` had it
 * ignored. A terminal that hung up before the start still counts.
 */
export function outliveHangUp(): void {
  if (!hasTerminal()) process.on("SIGHUP", () => {});
}

const hasTerminal = () => [0, 1, 2].some(isTerminal);

/** True also for a terminal that has hung up, which the system no longer calls one. */
function isTerminal(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isCharacterDevice() && stats.rdev !== statSync("/dev/null").rdev;
}

/**
 * On SIGUSR1 Node would open its inspector, without any secret, at a port that every user of this
 * machine can reach. It can be enabled by Node's flag at the start.
 */
export function keepInspectorClosed(): void {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ""].join(" ");
  if (!flags.includes("--inspect")) process.on("SIGUSR1", () => {});
}
