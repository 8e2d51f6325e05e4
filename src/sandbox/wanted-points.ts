/** Which mount points a confined process needs to be made for it. Pure. */
import { type HostPath, splitPath } from "../protocol/path-uri.ts";
import { accessTable, isBelow, isWithin } from "./access.ts";
import type { WantedPoint } from "./mount-points.ts";
import type { Findings, Place } from "./world.ts";

/**
 * Places that must not come into being, in directories where they could, with the directories that
 * are missing on the way: a mount needs all of them.
 */
export function pointsIn(world: Findings): WantedPoint[] {
  const rules = world.places.map(({ real, rule }) => ({ path: real, access: rule.access }));
  const table = accessTable({ rules, denyGlobs: world.denyGlobs });
  const points = world.places
    .filter(({ rule }) => rule.access !== "write")
    .filter((place) => !isInMissingRoot(place))
    .filter(({ kind }) => kind === "missing" || kind === "directory")
    .filter(({ real }) => table.accessTo(splitPath(real).parent) === "write")
    .filter(({ nearest }) => nearest.kind === "directory")
    .flatMap(({ real, kind, nearest }) => [
      { path: real, isMissing: kind === "missing" },
      ...between(nearest.path, real).map((path) => ({ path, isMissing: true })),
    ]);
  return [...new Map(points.map((point) => [point.path, point])).values()];
}

/**
 * A protected name below a writable root that is missing: to keep it, the root would have to be
 * made, and then a command that makes its output folder would find it there.
 */
function isInMissingRoot({ rule, real, nearest }: Place): boolean {
  return rule.origin === "protected" && !isWithin(nearest.path, splitPath(real).parent);
}

function between(above: HostPath, below: HostPath): HostPath[] {
  const { parent } = splitPath(below);
  return isBelow(parent, above) ? [...between(above, parent), parent] : [];
}
