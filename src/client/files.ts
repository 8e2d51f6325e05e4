import type { Params } from "../protocol/methods.ts";
import type { Path } from "./paths.ts";
import type { CallOptions } from "./perform.ts";

/** How the executor confines an operation, as the protocol words it. */
export type Sandbox = NonNullable<Params<"fs/readFile">["sandbox"]>;

export interface FileOptions extends CallOptions {
  /** Confines the operation. Default: it may do what the executor may. */
  readonly sandbox?: Sandbox | undefined;
  /** False refuses a path that has a symbolic link in it. Default true. */
  readonly followSymlinks?: boolean | undefined;
}

export interface FileStat {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  /** Of the path itself; all else is about what a link leads to. */
  readonly isSymlink: boolean;
  /** In bytes. */
  readonly size: number;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly isSymlink: boolean;
}

export interface WalkOptions extends FileOptions {
  /** Default 64. */
  readonly depthMax?: number | undefined;
  /** Default 10 000. */
  readonly directoriesMax?: number | undefined;
  /** Default 50 000. */
  readonly entriesMax?: number | undefined;
  /** Default false. */
  readonly followDirectorySymlinks?: boolean | undefined;
  /** Default false. */
  readonly skipHiddenDirectories?: boolean | undefined;
}

export interface Walk {
  readonly entries: readonly { readonly path: string; readonly kind: "file" | "directory" }[];
  /** What could not be looked into. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** Whether one of the bounds ended the walk. */
  readonly truncated: boolean;
}

/** What a file can be written from. */
export type FileContent =
  | string
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/**
 * Files of the executor. Every operation fails with a `NotFoundError` for a path that does not
 * exist, an `InvalidRequestError` for one that is refused or of the wrong kind, an
 * `OperationFailedError` with the system's reason otherwise, and a `TypeError` for a path that is
 * not absolute.
 */
export interface Files {
  /** The whole file; up to 380 MB, use `stream` for more. */
  read(path: Path, options?: FileOptions): Promise<Uint8Array>;
  /** The whole file as UTF-8. */
  readText(path: Path, options?: FileOptions): Promise<string>;
  /** The file in blocks of at most 1 MiB, small on a slow line; some are read ahead. */
  stream(path: Path, options?: FileOptions): ReadableStream<Uint8Array>;
  /**
   * Creates the file, or replaces its content: it keeps its inode and mode. Text is written as
   * UTF-8. Up to 2 MiB are written at once, so that a sudden end leaves the old content or the
   * new; more goes block by block, and so do streams. After a broken connection they go on where
   * they were. Where that cannot be, because the executor is older or somebody else has changed the
   * file meanwhile, bytes begin anew, and a stream fails with a `ConnectionError`.
   */
  write(path: Path, content: FileContent, options?: FileOptions): Promise<void>;
  /** Default `recursive: false`: then the parent must exist and the directory must not. */
  makeDirectory(
    path: Path,
    options?: FileOptions & { readonly recursive?: boolean | undefined },
  ): Promise<void>;
  stat(path: Path, options?: FileOptions): Promise<FileStat>;
  /** The path without symbolic links and dots. */
  realPath(path: Path, options?: FileOptions): Promise<string>;
  list(path: Path, options?: FileOptions): Promise<DirectoryEntry[]>;
  walk(path: Path, options?: WalkOptions): Promise<Walk>;
  /** Defaults: `recursive: false`, and `force: false`, which makes an absent path an error. */
  remove(
    path: Path,
    options?: FileOptions & {
      readonly recursive?: boolean | undefined;
      readonly force?: boolean | undefined;
    },
  ): Promise<void>;
  /** Default `recursive: false`, which refuses directories. A link is copied as a link. */
  copy(
    from: Path,
    to: Path,
    options?: Omit<FileOptions, "followSymlinks"> & { readonly recursive?: boolean | undefined },
  ): Promise<void>;
  /**
   * Settles when one of these absent paths, or a directory on the way to one, may have appeared:
   * look again then. Settles at once when one is there already, or when `present` is not. There is
   * one watch at a time: a newer one makes the older fail.
   */
  watchMissing(
    paths: readonly Path[],
    options?: CallOptions & { readonly present?: Path | undefined },
  ): Promise<void>;
}
