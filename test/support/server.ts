import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scope } from "./last-first.ts";
import { within } from "./within.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = join(root, "bin/codex.js");
const built = join(root, "dist/codex.cjs");
const startMsMax = 30_000;
/** For a stop, and for the end of a server that refuses to serve. */
const endMsMax = 30_000;

export interface ServerOptions {
  /** Further options of `codex exec-server`; one that names `--listen` replaces the default. */
  readonly args?: readonly string[];
  /** Laid over the environment of the test; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The `bin/codex.js` of a copy of the package, in place of this one. */
  readonly program?: string;
  /** A program that is given the server's command line, and becomes the server. */
  readonly startedBy?: readonly [string, ...string[]];
}

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningServer {
  /** The first line of stdout. */
  readonly url: string;
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL for a server that does not end by it. Harmless after the end. */
  stop(): Promise<ServerExit>;
}

/** Starts `codex exec-server` on a free port, as users do. It is stopped when the test is over. */
export async function startServer(
  scope: Scope,
  options: ServerOptions = {},
): Promise<RunningServer> {
  const server = launchServer(options);
  scope.after(async () => void (await server.stop()));
  const url = await within(
    startMsMax,
    "the URL line of the server",
    server.firstLine,
    server.stderr,
  );
  return { ...server, url };
}

/** Starts it without waiting for the URL line: for a server that is expected to refuse. */
export function launchServer(options: ServerOptions = {}) {
  const { args = [], env = {}, cwd = root, startedBy = [] } = options;
  const command = serverCommand(args, options.program);
  const [file = process.execPath, ...rest] = [...startedBy, ...command];
  const child = spawn(file, rest, {
    cwd,
    env: serverEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = collectTexts(child);
  const exited = exitOf(child);
  return {
    pid: child.pid ?? -1,
    exited,
    firstLine: firstLineOf(child, exited, texts.stderr),
    ...texts,
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    stop: () => stopChild(child, exited),
    /** The exit of one that has to end by itself; one that does not is killed, and rejected. */
    ended: () => endOf(child, exited, texts.stderr),
  };
}

export function serverCommand(args: readonly string[] = [], copy?: string): string[] {
  const listen = args.includes("--listen") ? [] : ["--listen", "ws://127.0.0.1:0"];
  const started = copy === undefined ? program() : [copy];
  return [process.execPath, ...started, "exec-server", ...listen, ...args];
}

/** A stale build would test yesterday's program: then, as without a build, the sources are run. */
function program(): string[] {
  if (!existsSync(built) || hasCurrentBuild()) return [bin];
  const preloaded = ["--require", join(root, "bin/thread-pool.js"), "--import"];
  return [...preloaded, import.meta.resolve("tsx"), join(root, "src/commands/main.ts")];
}

/** Otherwise tsx loads the server, and has needs of its own. */
export function hasCurrentBuild(): boolean {
  return existsSync(built) && statSync(built).mtimeMs > newestSourceMs();
}

function newestSourceMs(): number {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return Math.max(...sources.map((path) => statSync(join(root, "src", path)).mtimeMs));
}

/** Without what tells a program that it runs inside Node's test runner. */
function serverEnvironment(overlay: ServerOptions["env"]): NodeJS.ProcessEnv {
  const merged = { ...process.env, NODE_TEST_CONTEXT: undefined, ...overlay };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
}

function collectTexts(child: ChildProcess) {
  const texts = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text));
  return { stdout: () => texts.stdout, stderr: () => texts.stderr };
}

function exitOf(child: ChildProcess): Promise<ServerExit> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

function firstLineOf(child: ChildProcess, exited: Promise<ServerExit>, stderr: () => string) {
  const line = new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (more: string) => {
      text += more;
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    exited.then(
      ({ code, signal }) =>
        reject(new Error(`the server ended (${signal ?? code}) before its URL line: ${stderr()}`)),
      reject,
    );
  });
  // Whoever launches a server that refuses looks at `exited` instead.
  line.catch(() => {});
  return line;
}

async function stopChild(child: ChildProcess, exited: Promise<ServerExit>): Promise<ServerExit> {
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), endMsMax);
  return exited.finally(() => clearTimeout(kill));
}

async function endOf(child: ChildProcess, exited: Promise<ServerExit>, stderr: () => string) {
  const end = within(endMsMax, "the end of the server", exited, stderr);
  return end.finally(() => child.kill("SIGKILL"));
}
