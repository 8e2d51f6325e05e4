import { lstatSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { linksFollowedMax } from "../limits.ts";
import { isWithin } from "./access.ts";
import { hangingMountsNow } from "./hanging-mounts.ts";

/**
 * Where a folder is, without links; undefined where calls about it may hang while the rest of the
 * machine goes on. Looks at one component after the other, because already a look at a dead mount
 * hangs. Throws where there is no such folder.
 */
export function quickPlace(path: string): string | undefined {
  const mounts = hangingMountsNow().filter((point) => point !== "/");
  let place = resolve(path);
  for (let links = 0; links < linksFollowedMax; links++) {
    if (mounts.some((point) => isWithin(place, point))) return undefined;
    const next = withoutFirstLink(place);
    if (next === place) return place;
    place = next;
  }
  return undefined;
}

function withoutFirstLink(path: string): string {
  const names = path.split("/");
  for (let count = 2; count <= names.length; count++) {
    const way = names.slice(0, count).join("/");
    if (!lstatSync(way).isSymbolicLink()) continue;
    return resolve(join(way, ".."), readlinkSync(way), ...names.slice(count));
  }
  return path;
}
