/** Computes the mount points that a confined process needs. Pure. */
import { type HostPath, isBelow, isWithin, splitPath } from "../../protocol/path-uri.ts";
import { accessTable } from "../policy/access.ts";
import type { Findings, Place } from "../policy/world.ts";
import type { WantedPoint } from "./mount-points.ts";

/**
 * The paths that must not be created although their directories are writable, with the missing
 * directories above them: a mount needs all of these.
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
 * A protected name below a missing writable root. To protect it, the root would have to be created,
 * and a command that creates its output folder would find it there.
 */
function isInMissingRoot({ rule, real, nearest }: Place): boolean {
  return rule.origin === "protected" && !isWithin(nearest.path, splitPath(real).parent);
}

function between(above: HostPath, below: HostPath): HostPath[] {
  const { parent } = splitPath(below);
  return isBelow(parent, above) ? [...between(above, parent), parent] : [];
}
