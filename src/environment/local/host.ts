import { createHash } from "node:crypto";
import { homedir, hostname, userInfo } from "node:os";
import { basename, isAbsolute, resolve } from "node:path";
import { sandboxHealthMs } from "../../limits.ts";
import type { MaybePromise, Result } from "../../protocol/methods.ts";
import { hostPathOf, pathUriOf } from "../../protocol/path-uri.ts";
import type { LocalSandbox } from "../../sandbox/sandbox.ts";
import type { Host } from "../environment.ts";
import type { Spawner } from "./spawn/start/spawner.ts";

interface HostOptions {
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly version: string;
  readonly spawner: Spawner;
  readonly sandbox: LocalSandbox;
}

/** Describes this machine to clients. Of the environment only the paths below are disclosed. */
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
 * Caches an answer for `timeMs`, because a client may request the info many times a second. A known
 * answer is returned without a promise.
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
    asked.then(keep, reportedToCaller);
    return asked;
  };
}

const reportedToCaller = () => undefined;

function describeHost(options: HostOptions): Result<"environment/info"> {
  const { variables, cwd, version, spawner } = options;
  const home = homeOf(variables);
  // An empty TMPDIR counts as none.
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

/** The release of the reference whose protocol this server speaks. Clients compare it. */
const referenceVersion = "0.169.0";

/** Only what works here: a client uses a method or field when its flag is true. */
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

/** From the account database, because `$SHELL` is that of whoever started the server. */
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

/** HOME, else the account's home directory. A relative HOME counts as none. */
function homeOf(variables: Readonly<Record<string, string>>): string | undefined {
  const home = variables.HOME ?? accountHome();
  return home !== undefined && isAbsolute(home) ? home : undefined;
}

function accountHome(): string | undefined {
  try {
    return homedir();
  } catch {
    // No entry either, so without HOME the directory is unknown.
    return undefined;
  }
}

/** Where a codex installation would keep its configuration, of which this server reads nothing. */
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
