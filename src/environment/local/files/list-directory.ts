import { constants, type Dirent } from "node:fs";
import { fileCallsInParallel } from "../../../limits.ts";
import type { Result } from "../../../protocol/methods.ts";
import { type HostPath, joinPath, shownPath } from "../../../protocol/path-uri.ts";
import { JsonRuns, WrittenResult } from "../../../protocol/written-result.ts";
import type { FileAnswers } from "../../file-system.ts";
import { dropFile, hasCode, openFile, readEntries, stat } from "./file-calls.ts";
import { inParallel } from "./in-parallel.ts";
import { atPlace, descriptorPath } from "./no-follow.ts";

/** Sorted by name. A link is listed as what it leads to; as neither kind when it leads nowhere. */
export const readDirectory: FileAnswers["readDirectory"] = (params) =>
  atPlace(params, (path, noFollow) => (noFollow ? heldListing(path) : listing(path)));

/** Opened first, so that the last component cannot be a link either. */
async function heldListing(path: HostPath) {
  const fd = await openFile(path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return await listing(descriptorPath(fd, path));
  } finally {
    dropFile(fd);
  }
}

async function listing(directory: HostPath) {
  const found = await readEntries(directory);
  const behindLinks = new Map<Dirent, Kind>();
  const links = found.filter((entry) => entry.isSymbolicLink());
  await inParallel(links, fileCallsInParallel, async (link) => {
    behindLinks.set(link, await kindBehindLink(joinPath(directory, link.name)));
  });
  const kindOf = (entry: Dirent) => behindLinks.get(entry) ?? ownKind(entry);
  return new WrittenResult<Result<"fs/readDirectory">>({
    plain: () => ({
      entries: found.map((entry) => ({ fileName: shownPath(entry.name), ...kindOf(entry) })),
    }),
    text: () => jsonOf(found, kindOf),
  });
}

interface Kind {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly isSymlink: boolean;
}

const file: Kind = { isDirectory: false, isFile: true, isSymlink: false };
const folder: Kind = { isDirectory: true, isFile: false, isSymlink: false };
const neither: Kind = { isDirectory: false, isFile: false, isSymlink: false };
const brokenLink: Kind = { ...neither, isSymlink: true };

function ownKind(entry: Dirent): Kind {
  if (entry.isFile()) return file;
  return entry.isDirectory() ? folder : neither;
}

async function kindBehindLink(path: HostPath): Promise<Kind> {
  try {
    const stats = await stat(path);
    return { isDirectory: stats.isDirectory(), isFile: stats.isFile(), isSymlink: true };
  } catch (error) {
    // It dangles, goes round in circles, or leads where we may not look: a link all the same.
    if (hasCode(error, "ENOENT", "ELOOP", "ENOTDIR", "EACCES")) return brokenLink;
    throw error;
  }
}

/** Names of these characters are written as they are. */
const plainName = /^[ !#-[\]-~]*$/;

function jsonOf(entries: readonly Dirent[], kindOf: (entry: Dirent) => Kind): string {
  const runs = new JsonRuns();
  const endings = new Map([file, folder].map((kind) => [kind, endingOf(kind)]));
  for (const entry of entries) {
    const { name } = entry;
    const text = plainName.test(name) ? name : JSON.stringify(shownPath(name)).slice(1, -1);
    const kind = kindOf(entry);
    runs.add('{"fileName":"', text, endings.get(kind) ?? endingOf(kind));
  }
  return `{"entries":[${runs.json}]}`;
}

/** What is written behind the name. */
const endingOf = (kind: Kind) => `",${JSON.stringify(kind).slice(1)}`;
