import { constants, type Dirent } from "node:fs";
import { fileCallsInParallel } from "../../../limits.ts";
import type { Result } from "../../../protocol/methods.ts";
import { type HostPath, joinPath, shownPath } from "../../../protocol/path-uri.ts";
import { joinedRuns, type Surroundings, WrittenResult } from "../../../protocol/written-result.ts";
import { descriptorPath } from "../../../system/descriptor-path.ts";
import type { FileAnswers } from "../../file-system.ts";
import { dropFile, hasCode, openFile, readEntries, stat } from "./calls/file-calls.ts";
import { inParallel } from "./calls/in-parallel.ts";
import { atPlace } from "./calls/no-follow.ts";

/** Sorted by name. A link is listed as the kind of its target; as neither kind when it dangles. */
export const readDirectory: FileAnswers["readDirectory"] = (params) =>
  atPlace(params, (path, noFollow) => (noFollow ? heldListing(path) : listing(path)));

/** Opens the directory first, so that the last component cannot be a link either. */
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
  const kinds = found.map(ownKind);
  if (kinds.includes(link)) await followLinks(directory, found, kinds);
  return new WrittenResult<Result<"fs/readDirectory">>({
    plain: () => ({
      entries: found.map(({ name }, at) => {
        return { fileName: shownPath(name), ...(kinds[at] ?? neither).members };
      }),
    }),
    parts: () => jsonOf(found, kinds),
  });
}

/** The members of an entry besides its name, and their text. */
interface Kind extends Surroundings {
  readonly members: Omit<Entry, "fileName">;
}

type Entry = Result<"fs/readDirectory">["entries"][number];

const file = kindOf({ isDirectory: false, isFile: true, isSymlink: false });
const folder = kindOf({ isDirectory: true, isFile: false, isSymlink: false });
const neither = kindOf({ isDirectory: false, isFile: false, isSymlink: false });
/** A link that is not followed yet, or that leads to neither kind or nowhere. */
const link = kindOf({ isDirectory: false, isFile: false, isSymlink: true });
const linkToFile = kindOf({ isDirectory: false, isFile: true, isSymlink: true });
const linkToFolder = kindOf({ isDirectory: true, isFile: false, isSymlink: true });

function kindOf(members: Kind["members"]): Kind {
  return { members, before: '{"fileName":"', after: `",${JSON.stringify(members).slice(1)}` };
}

function ownKind(entry: Dirent): Kind {
  if (entry.isFile()) return file;
  if (entry.isDirectory()) return folder;
  return entry.isSymbolicLink() ? link : neither;
}

async function followLinks(directory: HostPath, found: readonly Dirent[], kinds: Kind[]) {
  const links = [...found.entries()].filter(([at]) => kinds[at] === link);
  await inParallel(links, fileCallsInParallel, async ([at, { name }]) => {
    kinds[at] = await kindBehindLink(joinPath(directory, name));
  });
}

async function kindBehindLink(path: HostPath): Promise<Kind> {
  try {
    const stats = await stat(path);
    if (stats.isFile()) return linkToFile;
    return stats.isDirectory() ? linkToFolder : link;
  } catch (error) {
    // It dangles, is part of a loop, or leads where we have no rights: still a link.
    if (hasCode(error, "ENOENT", "ELOOP", "ENOTDIR", "EACCES")) return link;
    throw error;
  }
}

/** Names of these characters need no escapes in JSON. */
const plainNames = /^[ !#-[\]-~]*$/;

function jsonOf(entries: readonly Dirent[], kinds: readonly Kind[]): readonly string[] {
  const names = entries.map((entry) => entry.name);
  if (plainNames.test(names.join(""))) return ['{"entries":[', joinedRuns(names, kinds), "]}"];
  return [`{"entries":[${joinedRuns(names.map(escapedName), kinds)}]}`];
}

const escapedName = (name: string) => JSON.stringify(shownPath(name)).slice(1, -1);
