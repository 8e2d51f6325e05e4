import { constants } from "node:fs";
import { type FileHandle, open, readdir, readlink, rmdir, unlink } from "node:fs/promises";

/**
 * Removes an entry of a directory, with the files in it. Its creator may still run and swap links
 * into the path, so both directories are held open and only names in them are unlinked, which
 * follows no link. False when it was an empty directory.
 */
export async function discard(directory: string, name: string): Promise<boolean> {
  return withDirectory(directory, async (parent, real) => {
    if (real !== directory) throw new Error(`${directory} is a link now`);
    const path = `${parent}/${name}`;
    if (await unlink(path).then(() => true, isDirectory)) return true;
    const files = await withDirectory(path, async (inside) => {
      const names = await readdir(inside);
      for (const file of names) await unlink(`${inside}/${file}`);
      return names;
    });
    await rmdir(path);
    return files.length > 0;
  });
}

async function withDirectory<T>(
  path: string,
  use: (held: string, real: string) => Promise<T>,
): Promise<T> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const handle: FileHandle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const held = `/proc/self/fd/${handle.fd}`;
    return await use(held, await readlink(held));
  } finally {
    await handle.close();
  }
}

function isDirectory(error: NodeJS.ErrnoException): false {
  if (error.code !== "EISDIR") throw error;
  return false;
}
