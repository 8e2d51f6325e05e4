import { pathOf, treeOf, uriOf } from "../folder.ts";
import { type Group, lower } from "../group.ts";
import { msOf } from "../timing.ts";

export const walkOptions = {
  maxDepth: 8,
  maxDirectories: 10_000,
  maxEntries: 50_000,
  followDirectorySymlinks: false,
};

/** A directory of 10,000 files, and as many in 100 directories. */
export const trees: Group = {
  name: "trees",
  rounds: 3,
  metrics: [
    lower("fs/readDirectory of 10,000"),
    lower("fs/walk of 10,000"),
    lower("fs/copy of 10,000"),
    lower("fs/remove of 10,000"),
  ],
  async measure(server, effort) {
    const client = await server.open();
    const count = Math.ceil(10_000 * effort);
    const path = uriOf(treeOf(count, 100));
    const copy = uriOf(pathOf("copy"));
    const ask = (method: string, params: unknown) =>
      msOf(() => client.ask(method, JSON.stringify(params)));
    return {
      "fs/readDirectory of 10,000": await ask("fs/readDirectory", { path: uriOf(treeOf(count)) }),
      "fs/walk of 10,000": await ask("fs/walk", { path, options: walkOptions }),
      "fs/copy of 10,000": await ask("fs/copy", {
        sourcePath: path,
        destinationPath: copy,
        recursive: true,
      }),
      "fs/remove of 10,000": await ask("fs/remove", { path: copy, recursive: true, force: true }),
    };
  },
};
