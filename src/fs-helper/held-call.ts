import { linkInPath } from "../environment/local/files/calls/no-follow.ts";
import { internalError, RpcError, systemErrorText } from "../protocol/errors.ts";
import type { MaybePromise } from "../protocol/methods.ts";
import { type HostPath, hostPath, pathUriOf } from "../protocol/path-uri.ts";
import { type Entry, type Held, Holds, Unreachable } from "./held-place.ts";

/**
 * The params that replace the client's in a call on a held place: its links are resolved already.
 */
export interface At {
  readonly path: string;
  readonly followSymlinks: null;
}

export interface Named {
  readonly path: string;
  readonly followSymlinks?: boolean | null | undefined;
}

/**
 * Runs an operation with held places, and releases them after it. `refusal` turns an unreachable
 * path into the error for the client.
 */
export async function withHolds<T>(
  refusal: (unreachable: Unreachable) => Error,
  work: (holds: Holds) => MaybePromise<T>,
): Promise<T> {
  const holds = new Holds();
  try {
    return await work(holds);
  } catch (error) {
    throw error instanceof Unreachable ? refusal(error) : error;
  } finally {
    holds.release();
  }
}

/** Works on a held place; its path in errors is replaced by the one that the client named. */
export async function atHeld<T>(
  params: Named,
  place: Held,
  work: (at: At) => MaybePromise<T>,
): Promise<T> {
  try {
    return await work({ path: pathUriOf(place.at), followSymlinks: null });
  } catch (error) {
    throw renamed(error, place.at, hostPath(params.path));
  }
}

export function renamed(error: unknown, at: HostPath, path: HostPath): unknown {
  if (!(error instanceof RpcError) || !error.message.includes(at)) return error;
  return new RpcError(
    error.code,
    error.message.replaceAll(at, () => path),
    { cause: error },
  );
}

/** Obeys `followSymlinks: false` for an operation that opens a file. */
export function refuseLinks(params: Named, holds: Holds): void {
  if (params.followSymlinks !== false) return;
  const entry = holds.entry(hostPath(params.path));
  refuseLinkedParent(params, entry);
  if (entry.stats?.isSymbolicLink()) throw internalError(systemErrorText("ELOOP", 40));
}

/** Obeys `followSymlinks: false` for an operation on the name itself. */
export function refuseLinkedParent(params: Named, entry: Entry): void {
  if (params.followSymlinks !== false || entry.real === hostPath(params.path)) return;
  throw linkInPath();
}
