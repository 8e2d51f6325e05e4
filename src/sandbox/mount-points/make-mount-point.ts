import { stat } from "node:fs/promises";
import { internalError, messageOf, type RpcError } from "../../protocol/errors.ts";
import { type HostPath, nodePath, shownPath, splitPath } from "../../protocol/path-uri.ts";
import { makeDirectory, removeDirectory } from "./empty-directory.ts";

/**
 * `impossible`: no process with this server's rights can create the path, so it needs no mount.
 * `changed`: something else exists there now, or the directory above does not.
 */
export type Outcome = "ours" | "changed" | "impossible";

/**
 * Makes the empty directory. One that exists is ours if `others` have it as their mount point.
 * Throws an RpcError when it can be made by others, but not by this server.
 */
export async function makeMountPoint(
  path: HostPath,
  others: ReadonlySet<HostPath>,
): Promise<Outcome> {
  try {
    await makeDirectory(path);
    return "ours";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "EEXIST") return others.has(path) ? "ours" : "changed";
    if (code === "ENOENT" || code === "ENOTDIR") return "changed";
    if (code === "EPERM" || code === "EROFS") return "impossible";
    if (code === "EACCES" && !(await isOwned(splitPath(path).parent))) return "impossible";
    throw cannotProtect(path, error);
  }
}

/** Whether this server's user owns the directory: an owner can grant himself missing rights. */
async function isOwned(directory: HostPath): Promise<boolean> {
  return (await stat(nodePath(directory))).uid === process.geteuid?.();
}

function cannotProtect(path: HostPath, cause: unknown): RpcError {
  return internalError(
    `cannot keep ${shownPath(path)} from coming into being: no mount point can be made (${messageOf(cause)}); ` +
      "make the directory above it writable, or take it out of what may be written",
    cause,
  );
}

/** Removes a mount point, unless something has been put into it. */
export async function removeMountPoint(path: HostPath): Promise<void> {
  await removeDirectory(path).catch(unlessExpected);
}

function unlessExpected(error: NodeJS.ErrnoException): void {
  const expected = ["ENOENT", "ENOTEMPTY", "ENOTDIR", "EEXIST", "EACCES", "EPERM", "EROFS"];
  if (!expected.includes(error.code ?? "")) throw error;
}
