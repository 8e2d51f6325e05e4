import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type BenchClient, openClient } from "./client.ts";

const startMsMax = 30_000;

/** A server that is measured. */
export interface Target {
  readonly label: string;
  /** A connection to the one server that all groups share. */
  open(): Promise<BenchClient>;
  /** Starts a server of its own. */
  launch(): Promise<Launched>;
  stop(): Promise<void>;
}

export interface Launched {
  readonly url: string;
  /** From the start of the program to its URL line. */
  readonly urlMs: number;
  readonly startedAt: number;
  stop(): Promise<void>;
}

/** `command` is a line for the shell that starts a server, which prints its URL. */
export function createTarget(label: string, command: string): Target {
  let shared: Promise<Launched> | undefined;
  const launch = () => launchServer(command);
  return {
    label,
    launch,
    async open() {
      shared ??= launch();
      return openClient((await shared).url);
    },
    async stop() {
      await (await shared)?.stop();
    },
  };
}

async function launchServer(command: string): Promise<Launched> {
  const startedAt = performance.now();
  const child = spawn("sh", ["-c", `exec ${command}`], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const url = await firstLine(child, command);
  const urlMs = performance.now() - startedAt;
  return { url, urlMs, startedAt, stop: () => stop(child) };
}

async function firstLine(child: ChildProcess, command: string): Promise<string> {
  const bounded = { signal: AbortSignal.timeout(startMsMax) };
  const line = once(child.stdout?.setEncoding("utf8") ?? child, "data", bounded);
  const ended = once(child, "exit", bounded).then(() => {
    throw new Error(`${command} ended before it printed its URL`);
  });
  // After the line, the end is what everybody waits for.
  ended.catch(() => {});
  return String(await Promise.race([line, ended])).trim();
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await exited.finally(() => clearTimeout(kill));
}
