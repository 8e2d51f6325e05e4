/**
 * The messages between the server and a `codex fs-helper`: one JSON document per line, answered in
 * order. A request is `{"operation":"fs/readFile","params":{"path":"file:///f"}}`, with the params
 * of that method. The format is the reference's, plus `confine`.
 */
import type { FileSystemMethod, Result } from "./methods.ts";

type HelperOperation = Exclude<FileSystemMethod, "fs/watchMissing">;

/**
 * Sets what the worker grants from then on; a second one is refused. Paths have one char per byte.
 * Without it the worker grants all that its user may do.
 */
export interface HelperConfinement {
  readonly operation: "confine";
  readonly params: {
    readonly rules: readonly { readonly path: string; readonly access: string }[];
    readonly denyGlobs: readonly string[];
    /** A descriptor of the worker to which it journals what it is about to write. */
    readonly journalFd?: number;
  };
}

export type HelperResponse<M extends HelperOperation = HelperOperation> =
  | {
      readonly status: "ok";
      readonly payload: { readonly operation: string; readonly response: Result<M> };
    }
  | {
      readonly status: "error";
      readonly payload: { readonly code: number; readonly message: string };
    };
