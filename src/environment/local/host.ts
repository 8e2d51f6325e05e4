import { createHash } from "node:crypto";
import { homedir, hostname, userInfo } from "node:os";
import { basename, isAbsolute, resolve } from "node:path";
import { sandboxHealthMs } from "../../limits.ts";
import type { MaybePromise, Result } from "../../protocol/methods.ts";
import { hostPathOf, pathUriOf } from "../../protocol/path-uri.ts";
import type { LocalSandbox } from "../../sandbox/sandbox.ts";
import type { Host } from "../environment.ts";
import type { Spawner } from "./spawn/spawner.ts";

interface HostOptions {
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly version: string;
  readonly spawner: Spawner;
  readonly sandbox: LocalSandbox;
}

/** What this machine says of itself. Nothing of the environment but the paths below leaves it. */
export function localHost(options: HostOptions): Host {
  const description = describeHost(options);
  const health = keptFor(sandboxHealthMs, () => options.sandbox.health());
  return {
    info: () => {
      const sandbox = health();
      if (!(sandbox instanceof Promise)) return { ...description, sandbox };
      return sandbox.then((known) => ({ ...description, sandbox: known }));
    },
    status: () => ({ status: "ready" }),
    readConfig: async () => emptyConfig(options),
  };
}

/**
 * Asks at most so often: a client may ask for the info any number of times a second. What is known
 * is given without a promise.
 */
function keptFor<T>(timeMs: number, ask: () => Promise<T>): () => MaybePromise<T> {
  let answer: MaybePromise<T> | undefined;
  let until = 0;
  return () => {
    const now = performance.now();
    if (answer !== undefined && now <= until) return answer;
    const asked = ask();
    answer = asked;
    until = now + timeMs;
    const keep = (known: T) => {
      if (answer === asked) answer = known;
    };
    asked.then(keep, toldToWhoeverAsked);
    return asked;
  };
}

const toldToWhoeverAsked = () => undefined;

function describeHost(options: HostOptions): Result<"environment/info"> {
  const { variables, cwd, version, spawner } = options;
  const home = homeOf(variables);
  // An empty one says no more than none, to whoever looks for a folder.
  const temporary = variables.TMPDIR ? resolve(cwd, variables.TMPDIR) : undefined;
  return {
    shell: loginShell(),
    executorVersion: referenceVersion,
    providerId: `sha256:${createHash("sha256").update(`codex-exec-server ${version}`).digest("hex")}`,
    cwd: nativeUri(cwd),
    ...(home === undefined ? {} : { userHomeDir: nativeUri(home) }),
    platformOs: process.platform === "darwin" ? "macos" : process.platform,
    temporaryDirectories: temporary === undefined ? [] : [nativeUri(temporary)],
    tempDir: nativeUri(temporary ?? "/tmp"),
    capabilities: announced(spawner.capabilities.tty),
  };
}

const nativeUri = (path: string) => pathUriOf(hostPathOf(path));

/** Clients compare it: the release of the reference whose protocol is spoken here. */
const referenceVersion = "0.169.0";

/** Only what really works here: a client uses a method or field when its flag is true. */
const announced = (terminals: boolean) => ({
  fsWatchMissing: true,
  environmentConfigRead: true,
  fileWriteStreaming: true,
  fileWriteResume: true,
  fileOpenNoFollow: true,
  sandboxedFileStreaming: true,
  linuxRootWritePreservesDevices: true,
  linuxApprovedRootWritePreservesRestrictions: true,
  processCloseStdin: true,
  processResize: terminals,
  processList: true,
  processSignals: true,
  processHolders: process.platform === "linux",
  processTimeouts: true,
  processUsage: true,
  processReadPushRest: true,
  sessionEnd: true,
  clientIds: true,
  requestIds: true,
  httpHeaderEnvVars: true,
  httpCancel: true,
});

/** From the account database: `$SHELL` is whatever the server was started from. */
function loginShell(): { name: string; path: string } {
  const path = accountShell() ?? "/bin/sh";
  return { name: basename(path), path };
}

function accountShell(): string | undefined {
  try {
    return userInfo().shell || undefined;
  } catch {
    // The user has no entry in the database, as is common in containers.
    return undefined;
  }
}

/** HOME, else the account's folder; a relative HOME is worth nothing to anybody. */
function homeOf(variables: Readonly<Record<string, string>>): string | undefined {
  const home = variables.HOME ?? accountHome();
  return home !== undefined && isAbsolute(home) ? home : undefined;
}

function accountHome(): string | undefined {
  try {
    return homedir();
  } catch {
    // As above; without HOME nobody can say where it is.
    return undefined;
  }
}

/** Where a codex installation here would keep its configuration; this server reads none of it. */
function emptyConfig({ variables, cwd }: HostOptions): Result<"environmentConfig/read"> {
  const home = homeOf(variables);
  const codexHome = resolve(cwd, variables.CODEX_HOME ?? `${home ?? ""}/.codex`);
  const nothing = { layers: [], cloudInsertionIndex: 0 };
  return {
    userHomeDir: home === undefined ? null : nativeUri(home),
    codexHomeDir: nativeUri(codexHome),
    hostname: hostname(),
    config: nothing,
    requirements: nothing,
  };
}
