import { lstatSync } from "node:fs";
import { internalError, type RpcError, systemErrorText, toRpcError } from "../protocol/errors.ts";
import { type HostPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import type { AccessTable } from "../sandbox/policy/access.ts";
import type { Unreachable } from "./held-place.ts";

/** Refuses paths that are not granted, with errors as the system would give. Takes real paths. */
export class Permit {
  readonly #table: AccessTable;

  constructor(table: AccessTable) {
    this.#table = table;
  }

  canRead(real: HostPath): boolean {
    const access = this.#table.accessTo(real);
    return access === "read" || access === "write";
  }

  canWrite(real: HostPath): boolean {
    return this.#table.accessTo(real) === "write";
  }

  /** A path without grant fails as absent, a denied one with EACCES. */
  read(real: HostPath): void {
    const access = this.#table.accessTo(real);
    if (access === "none") throw absent();
    if (access === "deny") throw toRpcError(systemError("EACCES", 13));
  }

  /** Also allows directories that lead to a grant. */
  inspect(real: HostPath): void {
    if (this.#table.accessTo(real) === "none" && this.#table.leadsToGrant(real)) return;
    this.read(real);
  }

  write(real: HostPath): void {
    if (!this.canWrite(real)) throw readOnly();
  }

  /**
   * Refuses paths that have, or contain existing paths with, rules of their own. These are mounts,
   * which cannot be removed; so this fails before anything is deleted, not with half of a tree
   * gone.
   */
  remove(real: HostPath): void {
    this.write(real);
    const mounts = this.#table.rulesBelow(real).filter(({ path }) => isThere(path));
    if (this.#table.hasRule(real) || mounts.length > 0) {
      throw internalError(systemErrorText("EBUSY", 16));
    }
  }

  /**
   * Refuses to copy a tree onto `real` in which an entry would overwrite a path that is not
   * writable. `has` tells whether the source has a path, relative to its top.
   */
  fill(real: HostPath, has: (relative: string) => boolean): void {
    this.write(real);
    const top = real === "/" ? 1 : real.length + 1;
    for (const { path, access } of this.#table.rulesBelow(real)) {
      if (access !== "write" && has(path.slice(top))) throw readOnly();
    }
  }

  /** Whether a path has no rule at all, whatever may exist there. */
  isForeign(path: HostPath): boolean {
    return this.#table.accessTo(path) === "none";
  }

  /** The error for reading an unreachable path. */
  unreachable({ path, reason }: Unreachable): RpcError {
    if (this.#table.accessTo(path) === "deny") return toRpcError(systemError("EACCES", 13));
    return toRpcError(reason);
  }

  /**
   * The error for writing an unreachable path. Without a grant it is EROFS, whether or not
   * something is hidden there. It is EROFS, too, where the parent is missing because it must not be
   * created: after ENOENT clients would create it and try again.
   */
  unwritable(unreachable: Unreachable): RpcError {
    const { path } = unreachable;
    const isImpossible = this.isForeign(path) || this.#mustStayAbsent(path);
    return isImpossible ? readOnly() : this.unreachable(unreachable);
  }

  #mustStayAbsent(path: HostPath): boolean {
    if (this.#table.accessTo(path) !== "read") return false;
    let ruled = path;
    while (!this.#table.hasRule(ruled)) ruled = splitPath(ruled).parent;
    return !isThere(ruled);
  }
}

function readOnly(): RpcError {
  return internalError(systemErrorText("EROFS", 30));
}

export function absent(): RpcError {
  return toRpcError(systemError("ENOENT", 2));
}

function systemError(code: string, errno: number): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code, errno: -errno });
}

function isThere(path: HostPath): boolean {
  return lstatSync(nodePath(path), { throwIfNoEntry: false }) !== undefined;
}
