import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type BenchClient, openClient } from "./client.ts";
import { descendantsOf, type Family, familyOf } from "./process-family.ts";
import { sleep } from "./timing.ts";

const startMsMax = 30_000;
const stopMsMax = 5_000;

/** `command` is a line for the shell that starts a server, which prints its URL. */
export async function launchServer(command: string): Promise<BenchServer> {
  const startedAt = performance.now();
  const child = spawn("sh", ["-c", `exec ${command}`], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const url = await firstLine(child, command);
  return new BenchServer(child, { url, startedAt, urlMs: performance.now() - startedAt });
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

interface Launch {
  readonly url: string;
  readonly startedAt: number;
  readonly urlMs: number;
}

/** A server that runs, and the connections to it. */
export class BenchServer {
  readonly #child: ChildProcess;
  readonly #launch: Launch;
  readonly #clients = new Set<BenchClient>();
  readonly #killOnExit = () => this.#child.kill("SIGKILL");

  constructor(child: ChildProcess, launch: Launch) {
    this.#child = child;
    this.#launch = launch;
    process.once("exit", this.#killOnExit);
  }

  get startedAt(): number {
    return this.#launch.startedAt;
  }

  /** From the start of the program to its URL line. */
  get urlMs(): number {
    return this.#launch.urlMs;
  }

  /** Whoever opens a connection need not close it. */
  async open(resumeSessionId?: string): Promise<BenchClient> {
    const client = await openClient(this.#launch.url, resumeSessionId);
    this.#clients.add(client);
    return client;
  }

  /** A connection, and the server's processes when it has done a first piece of each work. */
  async settle(): Promise<{ client: BenchClient; family: Family }> {
    const client = await this.open();
    await client.run(["/bin/true"]);
    await client.run(["/bin/true"], { tty: true });
    await sleep(100);
    return { client, family: this.family() };
  }

  family(): Family {
    return familyOf(this.#child.pid ?? -1);
  }

  closeClients(): void {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
  }

  /** Takes what its processes left behind with it. */
  async stop(): Promise<void> {
    this.closeClients();
    process.off("exit", this.#killOnExit);
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const descendants = descendantsOf(child.pid ?? -1);
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await exited.finally(() => clearTimeout(kill));
    descendants.forEach(killIfThere);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended with its server.
  }
}
