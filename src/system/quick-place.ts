import { lstatSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { linksFollowedMax } from "../limits.ts";
import { isWithin } from "../protocol/path-uri.ts";
import { hangingMountsNow } from "./hanging-mounts.ts";

/**
 * The real path of a directory; undefined where calls on it may hang. Resolves component by
 * component, because even an lstat on a dead mount hangs. Throws when the directory does not exist.
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
