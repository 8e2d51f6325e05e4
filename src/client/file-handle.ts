import { randomUUID } from "node:crypto";
import type { FileSystem } from "../environment/file-system.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { ConnectionError, isTemporary, NotFoundError } from "./errors.ts";

/** Which file, and how it is confined. */
export type Place = Omit<Params<"fs/open">, "handleId" | "mode" | "identify">;

/** An open file belongs to its connection and is gone with it. */
export class HandleLostError extends ConnectionError {}

/** Opens a file under an id that nobody else has. */
export function openFile(
  fileSystem: FileSystem,
  file: Omit<Params<"fs/open">, "handleId">,
  signal?: AbortSignal,
): Promise<Result<"fs/open">> {
  const handleId = randomUUID().replaceAll("-", "");
  return fileSystem.open({ ...file, handleId }, signal);
}

/** A handle is unknown to the connection after the one that it was opened on. */
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

/** Throws every error but that of a lost handle. */
export function unlessHandleLost(error: unknown): undefined {
  if (!(error instanceof HandleLostError)) throw error;
}
