import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { constants as system } from "node:os";
import { promisify } from "node:util";
import { systemErrorText } from "../../../../protocol/errors.ts";
import { SpawnError, type SpawnRequest } from "./spawner.ts";

// The first client waits for the test of a start that fails, and node:fs/promises takes a
// millisecond to load.
const access = promisify(fs.access);
const stat = promisify(fs.stat);

/**
 * Names of errors by number. Node's `getSystemErrorName` lacks those that libuv does not know, such
 * as ENOEXEC. Of two names for one number the first is used: EAGAIN, not EWOULDBLOCK.
 */
const errorNames = new Map(
  Object.entries(system.errno)
    .reverse()
    .map(([name, errno]) => [errno, name]),
);

/** `errno` is positive, as in libc. Clients match the text before the colon. */
export function startFailure(errno: number, stage: SpawnError["stage"], about: string): SpawnError {
  const code = errorNames.get(errno) ?? `error ${errno}`;
  return new SpawnError(`${systemErrorText(code, errno)}: ${about}`, { code, errno, stage });
}

export function systemFailure(errno: number, about: string): SpawnError {
  return startFailure(errno, "system", about);
}

/** Throws a SpawnError for strings that cannot be passed to any program. */
export function checkStrings({ argv, arg0, env, cwd }: SpawnRequest): void {
  if (argv[0] === "") throw unfit("missing program for pipe spawn");
  const isCut = (text: string) => text.includes("\0");
  if (argv.some(isCut) || (arg0 !== undefined && isCut(arg0))) {
    throw unfit("nul byte found in provided data: an argument of the program contains a nul byte");
  }
  for (const [name, value] of Object.entries(env)) {
    if (isCut(name) || isCut(value)) throw unfit(cutVariableText);
  }
  if (cwd.includes("\0")) {
    throw unfit("nul byte found in provided data: the working directory contains a nul byte");
  }
}

/** The reference words it differently for the environment; clients may know either. */
const cutVariableText =
  "nul byte found in provided data: data provided contains a nul byte in the environment";

function unfit(message: string): SpawnError {
  return new SpawnError(message, {
    code: "EINVAL",
    errno: system.errno.EINVAL,
    stage: "arguments",
  });
}

/**
 * Explains a failed start. The system does not tell whether the working directory or the program
 * caused an error, so both are checked again.
 */
export async function explainFailure(
  errno: number,
  request: SpawnRequest,
  programPath: string | Buffer,
): Promise<SpawnError> {
  const { E2BIG, ENOENT, ENOTDIR, EACCES, ENOEXEC, ELOOP, ENAMETOOLONG, ETXTBSY } = system.errno;
  if (errno === E2BIG) {
    return startFailure(errno, "arguments", "the arguments and the environment are too long");
  }
  const pathErrors: readonly number[] = [ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG];
  if (pathErrors.includes(errno)) {
    const cwdFailure = await checkCwd(request.cwd);
    if (cwdFailure) return cwdFailure;
  }
  const program = `program \`${programPath}\``;
  if (errno === ENOEXEC) {
    return startFailure(errno, "program", `${program} is neither a binary nor a script with #!`);
  }
  if (errno === ENOENT) {
    return startFailure(errno, "program", `${program} not found, or the interpreter it names`);
  }
  if (errno === EACCES) {
    return startFailure(errno, "program", `${program} is not an executable file`);
  }
  if (pathErrors.includes(errno) || errno === ETXTBSY) {
    return startFailure(errno, "program", `${program} cannot be executed`);
  }
  return systemFailure(errno, `${program} cannot be started`);
}

/** Why a process cannot start in this directory; undefined if it can. */
export async function checkCwd(cwd: string | Buffer): Promise<SpawnError | undefined> {
  const about = `working directory \`${cwd}\``;
  try {
    const entry = await stat(cwd);
    if (!entry.isDirectory()) {
      return startFailure(system.errno.ENOTDIR, "cwd", `${about} is not a directory`);
    }
    await access(cwd, fs.constants.X_OK);
    return undefined;
  } catch (thrown) {
    return startFailure(errnoOf(thrown), "cwd", `${about} cannot be entered`);
  }
}

/** The positive errno of an error of node:fs or node:child_process; EIO if it has none. */
export function errnoOf(thrown: unknown): number {
  const errno = thrown instanceof Error && "errno" in thrown ? Number(thrown.errno) : Number.NaN;
  return Number.isNaN(errno) ? system.errno.EIO : Math.abs(errno);
}

/** Appends a name to a directory, whose path may be bytes. */
export function joinPath(directory: string | Buffer, name: string): string | Buffer {
  if (typeof directory === "string") return `${directory}/${name}`;
  return Buffer.concat([directory, Buffer.from(`/${name}`)]);
}
