import { constants } from "node:fs";
import { pathBytesMax } from "../../../limits.ts";
import { type HostPath, hostPath, joinPath, splitPath } from "../../../protocol/path-uri.ts";
import { O_PATH } from "../../../system/descriptor-path.ts";
import type { FileSystem } from "../../file-system.ts";
import type { WriteEntry } from "../journal/entry.ts";
import type { WriteJournal } from "../journal/journal.ts";
import { closeFile, dropFile, hasCode, lstat, openFile, unlinkPath } from "./calls/file-calls.ts";
import { atPlace } from "./calls/no-follow.ts";
import { type OpenFile, openForWriting, openPresent } from "./calls/open-file.ts";
import { decoded, releaseDecoded } from "./decoded-content.ts";
import { entryOf, replaceContent } from "./replace-content.ts";
import { identity } from "./trees/copy-file.ts";

interface Place {
  readonly path: HostPath;
  readonly flags: number;
  readonly named: HostPath;
}

/**
 * Makes `fs/writeFile`. An existing file is written in place, through links: inode, mode, owner and
 * hard links stay. However this process ends, an existing file has its old or its new content, and
 * a new one is absent or whole, as soon as a finisher has worked off the journal; until then, and
 * without a journal, a file can be torn. Where there is no room for more, a file stays what it was,
 * unless it has holes.
 */
export const fileWriter =
  (journal?: WriteJournal): FileSystem["writeFile"] =>
  async (params) => {
    const content = decoded(params.dataBase64, "fs/writeFile requires valid base64 dataBase64");
    return atPlace(params, async (path, flags) => {
      const place = { path, flags, named: hostPath(params.path) };
      const present = await openIfPresent(place);
      if (present) await fill(present, content, journal);
      else await writeNew(place, content, journal);
      releaseDecoded(params.dataBase64);
      return {};
    });
  };

async function openIfPresent(place: Place): Promise<OpenFile | undefined> {
  try {
    return await openPresent(place);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function fill(file: OpenFile, content: Uint8Array, journal?: WriteJournal): Promise<void> {
  try {
    await replaceContent(file, content, journal);
  } finally {
    await closeFile(file.fd);
  }
}

async function writeNew(
  place: Place,
  content: Uint8Array,
  journal: WriteJournal | undefined,
): Promise<void> {
  const entry = journal && content.length > 0 ? await newEntryOf(place.path) : undefined;
  if (!journal || !entry) return fill(await openForWriting(place), content, journal);
  try {
    await journal.during(entry, content, () => create(place, content));
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    // A dangling link, or another process was faster.
    await fill(await openForWriting(place), content, journal);
  }
}

/**
 * Undefined when there is no such directory, which creating the file will report, or when a
 * finisher could not open the path, which only links make reachable.
 */
async function newEntryOf(path: HostPath): Promise<WriteEntry | undefined> {
  const { parent, name } = splitPath(path);
  const fd = await openDirectory(parent);
  if (fd === undefined) return undefined;
  try {
    const directory = await entryOf(fd);
    const real = directory && joinPath(directory.path, name);
    return real && real.length < pathBytesMax ? { ...directory, path: real } : undefined;
  } finally {
    dropFile(fd);
  }
}

async function openDirectory(path: HostPath): Promise<number | undefined> {
  try {
    return await openFile(path, O_PATH | constants.O_DIRECTORY);
  } catch {
    // Creating the file in it will report why.
    return undefined;
  }
}

async function create(place: Place, content: Uint8Array): Promise<void> {
  const file = await openForWriting({ ...place, flags: place.flags | constants.O_EXCL });
  try {
    await fill(file, content);
  } catch (error) {
    await removeAgain(place.path, file).catch(remains);
    throw error;
  }
}

/** Removes a new file that could not be filled, unless another has replaced it. */
async function removeAgain(path: HostPath, file: OpenFile): Promise<void> {
  const stats = await lstat(path);
  if (identity(stats) === identity(file.stats)) await unlinkPath(path);
}

/** The reason why it could not be filled is reported instead. */
const remains = () => undefined;
