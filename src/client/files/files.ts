import type { Params } from "../../protocol/methods.ts";
import type { Path } from "../calls/paths.ts";
import type { CallOptions } from "../calls/perform.ts";

/** A sandbox policy, in the words of the protocol. */
export type Sandbox = NonNullable<Params<"fs/readFile">["sandbox"]>;

export interface FileOptions extends CallOptions {
  /** Confines the operation. Default: it has all the rights of the executor. */
  readonly sandbox?: Sandbox | undefined;
  /** False refuses a path with a symbolic link in any component. Default true. */
  readonly followSymlinks?: boolean | undefined;
}

export interface FileStat {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  /** Whether the path itself is a link; all other members describe its target. */
  readonly isSymlink: boolean;
  /** In bytes. */
  readonly size: number;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

export interface DirectoryEntry {
  /** Has U+FFFD in place of what is not UTF-8; `walk` gives the path of such an entry. */
  readonly name: string;
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly isSymlink: boolean;
}

export interface WalkOptions extends FileOptions {
  /** Levels of directories below the path; 0 is its own entries. Default 64, also the most. */
  readonly depthMax?: number | undefined;
  /** Default 10 000, which is also the most. */
  readonly directoriesMax?: number | undefined;
  /** Default 50 000, which is also the most. */
  readonly entriesMax?: number | undefined;
  /** Default false. What can be reached in several ways is listed once. */
  readonly followDirectorySymlinks?: boolean | undefined;
  /** Default false. */
  readonly skipHiddenDirectories?: boolean | undefined;
}

export interface Walk {
  /**
   * Without symbolic links (but for followed ones), FIFOs, sockets and devices. A path that is not
   * UTF-8 is a `file:` URL.
   */
  readonly entries: readonly { readonly path: string; readonly kind: "file" | "directory" }[];
  /** Directories and entries that could not be read, with the reason. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** Whether one of the limits, or 4 MiB of answer, cut the walk short. */
  readonly truncated: boolean;
}

/** The content to write; streams must yield bytes, not text. */
export type FileContent =
  | string
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/**
 * Files of the executor. Every operation fails with a `NotFoundError` for a path that does not
 * exist, an `InvalidRequestError` for one that is refused, an `OperationFailedError` with the
 * system's reason otherwise, and a `TypeError` for a path that is not absolute. For what is of the
 * wrong kind, such as a directory in place of a file, it is one of the second and the third.
 */
export interface Files {
  /** Reads the whole file, up to 380 MiB; use `stream` for larger ones. */
  read(path: Path, options?: FileOptions): Promise<Uint8Array>;
  /** Reads the whole file as UTF-8. */
  readText(path: Path, options?: FileOptions): Promise<string>;
  /**
   * Reads the file in blocks of at most 1 MiB, smaller on a slow connection; some are read ahead.
   */
  stream(path: Path, options?: FileOptions): ReadableStream<Uint8Array>;
  /**
   * Creates the file, or replaces its content, keeping inode and mode. Text is written as UTF-8; a
   * stream that fails leaves what was written before, and its error is thrown as it is. Up
   * to 2 MiB are written in one request, after which a crash leaves either the old content or the
   * new. Larger content and streams are written block by block, and resume after a broken
   * connection. Where that is not possible, because the executor is older or another program
   * changed the file, larger content is written again from the start, and a stream fails with a
   * `ConnectionError`.
   */
  write(path: Path, content: FileContent, options?: FileOptions): Promise<void>;
  /** Creates a directory. By default (`recursive: false`) its parent must exist and it must not. */
  makeDirectory(
    path: Path,
    options?: FileOptions & { readonly recursive?: boolean | undefined },
  ): Promise<void>;
  /** Describes the target of links, and whether the path itself is one. */
  stat(path: Path, options?: FileOptions): Promise<FileStat>;
  /** Resolves all symbolic links and dots. */
  realPath(path: Path, options?: FileOptions): Promise<string>;
  /** The entries of one directory. */
  list(path: Path, options?: FileOptions): Promise<DirectoryEntry[]>;
  /** Lists a tree of directories, up to the limits in `options`. */
  walk(path: Path, options?: WalkOptions): Promise<Walk>;
  /**
   * Removes a file, link or directory. Defaults: `recursive: false`, which refuses directories with
   * entries, and `force: false`, which makes an absent path an error.
   */
  remove(
    path: Path,
    options?: FileOptions & {
      readonly recursive?: boolean | undefined;
      readonly force?: boolean | undefined;
    },
  ): Promise<void>;
  /**
   * Copies a file, or a directory with `recursive: true` (default false). A symbolic link is copied
   * as a link.
   */
  copy(
    from: Path,
    to: Path,
    options?: Omit<FileOptions, "followSymlinks"> & { readonly recursive?: boolean | undefined },
  ): Promise<void>;
  /**
   * Fulfilled when one of these absent paths, or a directory on the way to one, may have appeared:
   * check again then. Fulfilled at once when one exists already, when `present` does not, and when
   * the executor cannot watch: more than 1,024 paths, for example. An environment has one watch at
   * a time: a new one makes the previous one fail.
   */
  watchMissing(
    paths: readonly Path[],
    options?: CallOptions & { readonly present?: Path | undefined },
  ): Promise<void>;
}
