import { constants } from "node:fs";
import { type FileHandle, open, readdir, readlink, rmdir, unlink } from "node:fs/promises";

/**
 * Removes what lies under that name in a directory, with the files that are in it. Who has put it
 * there may still be at work, and must not lead us elsewhere by a link that he puts on the way: so
 * both directories are held, and only names in them are removed, which follows nothing. False when
 * it was an empty directory.
 */
export async function discard(directory: string, name: string): Promise<boolean> {
  return withDirectory(directory, async (around, real) => {
    if (real !== directory) throw new Error(`${directory} is a link now`);
    const path = `${around}/${name}`;
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
