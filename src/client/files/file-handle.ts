import { randomUUID } from "node:crypto";
import type { FileSystem } from "../../environment/file-system.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import { ConnectionError, isTemporary, NotFoundError } from "../calls/errors.ts";

/** The file to open, and the sandbox policy under which. */
export type Place = Omit<Params<"fs/open">, "handleId" | "mode" | "identify">;

/** A file handle belongs to one connection: it was lost with that. */
export class HandleLostError extends ConnectionError {}

/** Opens a file under a random handle id, which no other client has. */
export function openFile(
  fileSystem: FileSystem,
  file: Omit<Params<"fs/open">, "handleId">,
  signal?: AbortSignal,
): Promise<Result<"fs/open">> {
  const handleId = randomUUID().replaceAll("-", "");
  return fileSystem.open({ ...file, handleId }, signal);
}

/**
 * Throws a `HandleLostError` where the connection broke, or where a new connection does not know
 * the handle.
 */
export async function withHandle<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isGone = error instanceof NotFoundError;
    if (isGone || isTemporary(error)) {
      const text = `the connection broke while a file was open: ${(error as Error).message}`;
      throw new HandleLostError(text, { cause: error });
    }
    throw error;
  }
}

/** Rethrows every error but a `HandleLostError`. */
export function unlessHandleLost(error: unknown): undefined {
  if (!(error instanceof HandleLostError)) throw error;
}
