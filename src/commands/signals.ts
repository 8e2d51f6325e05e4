import { fstatSync, statSync } from "node:fs";
import type { Log } from "../server/log.ts";

interface SignalOptions {
  readonly log: Log;
  /** Called for each signal that asks for the end, also for the second one. */
  readonly stop: () => void;
}

/** What comes again during the stop must not kill the server by its default action. */
export function obeySignals({ log, stop }: SignalOptions): void {
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGHUP", () => {
    if (hasTerminal()) stop();
    else log("info", "SIGHUP is ignored: no terminal of this server can have hung up");
  });
}

/**
 * Node forgets that `nohup` had the signal ignored; who has no terminal need not follow its end,
 * also before it has started.
 */
export function outliveHangUp(): void {
  if (!hasTerminal()) process.on("SIGHUP", () => {});
}

const hasTerminal = () => [0, 1, 2].some(isTerminal);

/** Also one that has hung up, of which the system says that it is none. */
function isTerminal(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isCharacterDevice() && stats.rdev !== statSync("/dev/null").rdev;
}

/**
 * By SIGUSR1 Node opens its inspector, without any secret, at a port that every user of this
 * machine can reach. Whoever wants it says so at the start.
 */
export function keepInspectorClosed(): void {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ""].join(" ");
  if (!flags.includes("--inspect")) process.on("SIGUSR1", () => {});
}
