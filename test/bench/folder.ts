import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string | undefined;
const made = new Set<string>();

/** A path in the folder of this run, which goes with it. */
export function pathOf(name: string): string {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), "exec-server-bench-"));
    const made = folder;
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  return join(folder, name);
}

export const uriOf = (path: string) => `file://${path}`;

/** The path of something that `make` makes when it is first asked for. */
function madeOnce(name: string, make: (path: string) => void): string {
  const path = pathOf(name);
  if (!made.has(name)) make(path);
  made.add(name);
  return path;
}

export const fileOf = (bytes: number) =>
  madeOnce(`file-${bytes}`, (path) => writeFileSync(path, Buffer.alloc(bytes, "a")));

/** Small files, `perDirectory` in each directory; without it all in one. */
export function treeOf(files: number, perDirectory = files): string {
  return madeOnce(`tree-${files}-${perDirectory}`, (path) => {
    mkdirSync(path);
    for (let index = 0; index < files; index += 1) {
      const place = index % perDirectory;
      const directory =
        perDirectory < files ? join(path, `directory-${(index - place) / perDirectory}`) : path;
      if (place === 0) mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `file-${place}.txt`), "x".repeat(120));
    }
  });
}
