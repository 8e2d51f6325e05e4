import { constants, type Stats } from "node:fs";
import { invalidRequest } from "../../../../protocol/errors.ts";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import { type HostPath, shownPath } from "../../../../protocol/path-uri.ts";
import { dropFile, hasCode, openFile, statFile } from "./file-calls.ts";
import { begin, type Steps, settled } from "./steps.ts";

const { O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Opening a FIFO without O_NONBLOCK waits for its other end; regular files ignore the flag. */
const withoutWaiting = O_NONBLOCK | O_NOCTTY;
export const readingFlags = O_RDONLY | withoutWaiting;
export const writingFlags = O_WRONLY | withoutWaiting;
/** `makedev(1, 3)` of Linux. Writing to /dev/null is common, to any other device an accident. */
const nullDevice = 0x103;

export interface OpenFile {
  readonly fd: number;
  readonly stats: Stats;
}

export interface Opening {
  readonly path: HostPath;
  /** Further flags, such as O_TRUNC. */
  readonly flags?: number;
  /** The path in errors, when `path` is not the client's. */
  readonly named?: HostPath;
}

/** Opens a regular file for reading; refuses everything else at once. */
export function openForReading(opening: Opening): MaybePromise<OpenFile> {
  const flags = readingFlags | (opening.flags ?? 0);
  return begin(opened(openFile(opening.path, flags), opening, (stats) => stats.isFile()));
}

/** Opens or creates a regular file (or the null device) for writing; refuses all else at once. */
export function openForWriting(opening: Opening & { mode?: number }): MaybePromise<OpenFile> {
  return openPresent({ ...opening, flags: O_CREAT | (opening.flags ?? 0) });
}

/** Opens an existing regular file (or the null device) for writing. */
export function openPresent(opening: Opening & { mode?: number }): MaybePromise<OpenFile> {
  const flags = writingFlags | (opening.flags ?? 0);
  const opens = openFile(opening.path, flags, opening.mode ?? 0o666);
  return begin(opened(opens, opening, (stats) => stats.isFile() || isNullDevice(stats)));
}

function* opened(
  opens: MaybePromise<number>,
  opening: Opening,
  isAllowed: (stats: Stats) => boolean,
): Steps<OpenFile> {
  const fd = yield* openedFor(opens, opening);
  const stats = yield* settled(statFile(fd));
  if (isAllowed(stats)) return { fd, stats };
  dropFile(fd);
  throw notAFile(opening);
}

function* openedFor(opens: MaybePromise<number>, opening: Opening): Steps<number> {
  try {
    return yield* settled(opens);
  } catch (error) {
    // The error for opening a FIFO that no process reads.
    throw hasCode(error, "ENXIO") ? notAFile(opening) : error;
  }
}

function isNullDevice(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === nullDevice;
}

function notAFile({ path, named }: Opening) {
  return invalidRequest(`path \`${shownPath(named ?? path)}\` is not a file`);
}
