import { lstatSync } from "node:fs";
import { internalError, type RpcError, systemErrorText, toRpcError } from "../protocol/errors.ts";
import { type HostPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import type { AccessTable } from "../sandbox/access.ts";
import type { Unreachable } from "./held-place.ts";

/** Refuses what is not granted, with the errors that the system has for it. Takes real paths. */
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

  /** What is not granted does not exist; what is denied does. */
  read(real: HostPath): void {
    const access = this.#table.accessTo(real);
    if (access === "none") throw absent();
    if (access === "deny") throw toRpcError(systemError("EACCES", 13));
  }

  /** Also allows to look at the directories that lead to what is granted. */
  inspect(real: HostPath): void {
    if (this.#table.accessTo(real) === "none" && this.#table.leadsToGrant(real)) return;
    this.read(real);
  }

  write(real: HostPath): void {
    if (!this.canWrite(real)) throw readOnly();
  }

  /**
   * Places with rules of their own are mounts, which cannot be removed: refused before anything is
   * deleted, not when half of a tree is gone.
   */
  remove(real: HostPath): void {
    this.write(real);
    const mounts = this.#table.rulesBelow(real).filter(({ path }) => isThere(path));
    if (this.#table.hasRule(real) || mounts.length > 0) {
      throw internalError(systemErrorText("EBUSY", 16));
    }
  }

  /**
   * Refuses a tree in which `has` (a path relative to its top) would come to lie on a kept place.
   */
  fill(real: HostPath, has: (relative: string) => boolean): void {
    this.write(real);
    const top = real === "/" ? 1 : real.length + 1;
    for (const { path, access } of this.#table.rulesBelow(real)) {
      if (access !== "write" && has(path.slice(top))) throw readOnly();
    }
  }

  /** Whether a path is of no concern to the grants, whatever may exist there. */
  isForeign(path: HostPath): boolean {
    return this.#table.accessTo(path) === "none";
  }

  /** What reading says of a place to which there is no way. */
  unreachable({ path, reason }: Unreachable): RpcError {
    if (this.#table.accessTo(path) === "deny") return toRpcError(systemError("EACCES", 13));
    return toRpcError(reason);
  }

  /**
   * What writing says: where nothing is granted it fails, whether or not something is hidden there;
   * and so it does where the folder is missing because it must not come into being. Who hears that
   * a folder does not exist makes it and tries again.
   */
  unwritable(unreachable: Unreachable): RpcError {
    const { path } = unreachable;
    const isHopeless = this.isForeign(path) || this.#isKeptMissing(path);
    return isHopeless ? readOnly() : this.unreachable(unreachable);
  }

  #isKeptMissing(path: HostPath): boolean {
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
