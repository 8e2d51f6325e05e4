/**
 * Looks programs up itself, because the system would use the PATH of this server, and because glibc
 * hands a file of unknown format to the shell, which the reference does not.
 */
import { Buffer } from "node:buffer";
import { access, accessSync, constants, stat, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { constants as system } from "node:os";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import { type HostPath, hostPathOf } from "../../../../protocol/path-uri.ts";
import { callDirectly } from "../../../../system/direct-calls.ts";
import { hasRemoteMounts } from "../../../../system/mount-lanes.ts";
import type { SpawnRequest } from "./spawner.ts";
import { errnoOf, explainFailure, joinPath, startFailure } from "./start-failure.ts";

/** Where libc looks when the environment has no PATH. */
const defaultPath = "/bin:/usr/bin";

/**
 * Returns the path to execute; a relative one starts at the request's working directory. Rejects
 * with a SpawnError when no directory of the PATH has such a program.
 */
export async function findProgram(request: SpawnRequest): Promise<string> {
  const name = request.argv[0];
  if (name.includes("/")) return name;
  const path = request.env.PATH ?? defaultPath;
  let worst: number = system.errno.ENOENT;
  for (const directory of path.split(":")) {
    const candidate = `${directory === "" ? "." : directory}/${name}`;
    const errno = await checkDirectly(belowCwd(request.cwd, candidate));
    if (errno === 0) return candidate;
    if (errno === system.errno.EACCES) worst = errno;
  }
  const about = worst === system.errno.EACCES ? "is not an executable file" : "not found";
  throw startFailure(worst, "program", `program \`${name}\` ${about} in PATH \`${path}\``);
}

/**
 * Paths at or below which the program is looked up; a relative one stands for the working
 * directory.
 */
export function programPlaces({ argv: [name], env }: SpawnRequest): HostPath[] {
  const places = name.includes("/") ? [name] : (env.PATH ?? defaultPath).split(":");
  return places.map(hostPathOf);
}

/** Resolves a path of the process against its working directory. */
export function belowCwd(cwd: string | Buffer, path: string): string | Buffer {
  return path.startsWith("/") ? path : joinPath(cwd, path);
}

/** Like `checkProgram`, but on the event loop where no disk can hang. */
function checkDirectly(path: string | Buffer): MaybePromise<number> {
  const later = () => checkProgram(path);
  return hasRemoteMounts() ? later() : callDirectly({ now: () => checkNow(path), later });
}

/** Creates no error for a missing file, because most directories of a PATH lack the program. */
function checkNow(path: string | Buffer): number {
  try {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (!entry) return system.errno.ENOENT;
    accessSync(path, constants.X_OK);
    return entry.isFile() ? 0 : system.errno.EACCES;
  } catch (refusal) {
    return errnoOf(refusal);
  }
}

/** 0 for a file that may be executed, else the errno. Callbacks cost half as much as promises. */
function checkProgram(path: string | Buffer): Promise<number> {
  return new Promise((resolve) => {
    access(path, constants.X_OK, (refusal) => {
      if (refusal) return resolve(errnoOf(refusal));
      stat(path, (failure, entry) => {
        if (failure) return resolve(errnoOf(failure));
        resolve(entry.isFile() ? 0 : system.errno.EACCES);
      });
    });
  });
}

const formatBytes = 256;
const machineCodeMagics = ["7f454c46", "cffaedfe", "cafebabe"];

/**
 * Rejects, as the system itself would, a file that cannot be executed. For starters that hand a
 * file of unknown format to the shell, or report a failure only by an exit code.
 */
export async function checkFormat(request: SpawnRequest, program: string): Promise<void> {
  const path = belowCwd(request.cwd, program);
  const refusal = await checkProgram(path);
  if (refusal !== 0) throw await explainFailure(refusal, request, program);
  const beginning = await readBeginning(path);
  if (!beginning || machineCodeMagics.includes(beginning.toString("hex", 0, 4))) return;
  const interpreter = /^#![ \t]*([^ \t\n]+)/.exec(beginning.toString())?.[1];
  if (interpreter === undefined) throw await explainFailure(system.errno.ENOEXEC, request, program);
  const errno = await checkProgram(belowCwd(request.cwd, interpreter));
  if (errno !== 0) throw await explainFailure(errno, request, program);
}

async function readBeginning(path: string | Buffer): Promise<Buffer | undefined> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(formatBytes), 0, formatBytes);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    // Executable but not readable: the start will tell whether it is a program.
    return undefined;
  }
}
