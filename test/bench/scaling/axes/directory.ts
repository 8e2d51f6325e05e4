import { median } from "../../figures.ts";
import { pathOf, treeOf, uriOf } from "../../folder.ts";
import { walkOptions } from "../../groups/trees.ts";
import { inLanes, msOf } from "../../timing.ts";
import { type Axis, repeatsFor } from "../axis.ts";

/** Entries of one directory. */
export const directory: Axis = {
  name: "directory",
  counted: "files in a directory",
  sizes: [10, 100, 1000, 10_000],
  costs: [
    { name: "fs/readDirectory", unit: "µs each" },
    { name: "fs/walk", unit: "µs each" },
    { name: "fs/copy", unit: "µs each" },
    { name: "fs/remove", unit: "µs each" },
    { name: "peak RSS", unit: "KB each" },
  ],
  async measure(server, size) {
    const { client, family } = await server.settle();
    const residentKb = family.residentKb();
    const path = uriOf(treeOf(size));
    const ask = (method: string, params: unknown) =>
      msOf(() => client.ask(method, JSON.stringify(params)));
    const repeats = repeatsFor(size, 3000);
    const eachUs = (times: readonly number[]) => (median(times) * 1000) / size;
    const copies = await inLanes(repeats, 1, () => copyAndRemove(ask, path));
    const walk = { path, options: walkOptions };
    return {
      "fs/readDirectory": eachUs(
        await inLanes(repeats, 1, () => ask("fs/readDirectory", { path })),
      ),
      "fs/walk": eachUs(await inLanes(repeats, 1, () => ask("fs/walk", walk))),
      "fs/copy": eachUs(copies.map(({ copyMs }) => copyMs)),
      "fs/remove": eachUs(copies.map(({ removeMs }) => removeMs)),
      "peak RSS": (family.peakKb() - residentKb) / size,
    };
  },
};

type Ask = (method: string, params: unknown) => Promise<number>;

async function copyAndRemove(ask: Ask, path: string) {
  const copy = uriOf(pathOf("copy"));
  const whole = { sourcePath: path, destinationPath: copy, recursive: true };
  const copyMs = await ask("fs/copy", whole);
  const removeMs = await ask("fs/remove", { path: copy, recursive: true, force: true });
  return { copyMs, removeMs };
}
