import { Buffer } from "node:buffer";
import type { FileSystem } from "../environment/file-system.ts";
import { walkDepthMax, walkDirectoriesMax, walkEntriesMax, wholeFileBytesMax } from "../limits.ts";
import type { Params } from "../protocol/methods.ts";
import { readBlocks, replaceFile, writeBlocks } from "./file-blocks.ts";
import type { MissingWatch } from "./missing-watch.ts";
import { type Path, pathOfUri, uriOfPath } from "./paths.ts";
import { type CallOptions, perform } from "./perform.ts";

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
 * Files of the executor. Every operation fails with a `NotFoundError` for a path that does not exist,
 * an `InvalidRequestError` for one that is refused or of the wrong kind, an `OperationFailedError`
 * with the system's reason otherwise, and a `TypeError` for a path that is not absolute.
 */
export interface Files {
  /** The whole file; up to 380 MB, use `stream` for more. */
  read(path: Path, options?: FileOptions): Promise<Uint8Array>;
  /** The whole file as UTF-8. */
  readText(path: Path, options?: FileOptions): Promise<string>;
  /** The file in blocks of at most 1 MiB, read as they are asked for. */
  stream(path: Path, options?: FileOptions): ReadableStream<Uint8Array>;
  /**
   * Creates the file, or replaces its content: it keeps its inode and mode. Text is written as UTF-8.
   * Streams are written block by block, and fail when the connection breaks meanwhile.
   */
  write(path: Path, content: FileContent, options?: FileOptions): Promise<void>;
  /** Default `recursive: false`: then the parent must exist and the directory must not. */
  makeDirectory(
    path: Path,
    options?: FileOptions & { readonly recursive?: boolean },
  ): Promise<void>;
  stat(path: Path, options?: FileOptions): Promise<FileStat>;
  /** The path without symbolic links and dots. */
  realPath(path: Path, options?: FileOptions): Promise<string>;
  list(path: Path, options?: FileOptions): Promise<DirectoryEntry[]>;
  walk(path: Path, options?: WalkOptions): Promise<Walk>;
  /** Defaults: `recursive: false`, and `force: false`, which makes an absent path an error. */
  remove(
    path: Path,
    options?: FileOptions & { readonly recursive?: boolean; readonly force?: boolean },
  ): Promise<void>;
  /** Default `recursive: false`, which refuses directories. */
  copy(
    from: Path,
    to: Path,
    options?: FileOptions & { readonly recursive?: boolean },
  ): Promise<void>;
  /**
   * Settles when one of these absent paths, or a directory on the way to one, may have appeared: look
   * again then. Settles at once when one is there already, or when `present` is not. There is one
   * watch at a time: a newer one makes the older fail.
   */
  watchMissing(
    paths: readonly Path[],
    options?: CallOptions & { readonly present?: Path },
  ): Promise<void>;
}

export function filesThrough(fileSystem: FileSystem, watch: MissingWatch): Files {
  const files: Files = {
    ...contents(fileSystem),
    ...directories(fileSystem),
    watchMissing: (paths, { signal, present } = {}) =>
      perform(signal, () =>
        watch.watch({
          missing: paths.map(uriOfPath),
          present: present === undefined ? undefined : uriOfPath(present),
        }),
      ),
  };
  return files;
}

const placeOf = (path: Path, { sandbox, followSymlinks }: FileOptions) => ({
  path: uriOfPath(path),
  ...(sandbox === undefined ? {} : { sandbox }),
  ...(followSymlinks === undefined ? {} : { followSymlinks }),
});

type Contents = Pick<Files, "read" | "readText" | "stream" | "write">;

function contents(fileSystem: FileSystem): Contents {
  const read = (path: Path, options: FileOptions = {}) =>
    perform(options.signal, async () => {
      const { dataBase64 } = await fileSystem.readFile(placeOf(path, options));
      return Buffer.from(dataBase64, "base64");
    });
  return {
    read,
    readText: async (path, options) => (await read(path, options)).toString(),
    stream: (path, options = {}) =>
      streamOf(readBlocks(fileSystem, placeOf(path, options)), options),
    write: (path, content, options = {}) =>
      perform(options.signal, () => write(fileSystem, placeOf(path, options), content)),
  };
}

async function write(
  fileSystem: FileSystem,
  place: ReturnType<typeof placeOf>,
  content: FileContent,
) {
  if (typeof content !== "string" && !(content instanceof Uint8Array)) {
    return writeBlocks(fileSystem, place, content);
  }
  const bytes = Buffer.from(content as string);
  if (bytes.length > wholeFileBytesMax) return replaceFile(fileSystem, place, bytes);
  await fileSystem.writeFile({ ...place, dataBase64: bytes.toString("base64") });
}

/** Asks for a block when it is wanted, not before. */
function streamOf(blocks: AsyncGenerator<Uint8Array>, { signal }: FileOptions) {
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await perform(signal, () => blocks.next());
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await blocks.return(undefined)),
    },
    { highWaterMark: 0 },
  );
}

type Directories = Omit<Files, keyof Contents | "watchMissing">;

function directories(fileSystem: FileSystem): Directories {
  return {
    makeDirectory: (path, options = {}) =>
      perform(options.signal, async () => {
        const { recursive = false } = options;
        await fileSystem.createDirectory({ ...placeOf(path, options), recursive });
      }),
    stat: (path, options = {}) =>
      perform(options.signal, async () => {
        const { createdAtMs, modifiedAtMs, ...rest } = await fileSystem.getMetadata(
          placeOf(path, options),
        );
        return { ...rest, createdAt: new Date(createdAtMs), modifiedAt: new Date(modifiedAtMs) };
      }),
    realPath: (path, options = {}) =>
      perform(options.signal, async () =>
        pathOfUri((await fileSystem.canonicalize(placeOf(path, options))).path),
      ),
    list: (path, options = {}) =>
      perform(options.signal, async () => {
        const { entries } = await fileSystem.readDirectory(placeOf(path, options));
        return entries.map(({ fileName, isSymlink = false, ...kind }) => ({
          name: fileName,
          isSymlink,
          ...kind,
        }));
      }),
    walk: (path, options = {}) => perform(options.signal, () => walk(fileSystem, path, options)),
    remove: (path, options = {}) =>
      perform(options.signal, async () => {
        const { recursive = false, force = false } = options;
        await fileSystem.remove({ ...placeOf(path, options), recursive, force });
      }),
    copy: (from, to, options = {}) =>
      perform(options.signal, async () => {
        const { recursive = false, sandbox } = options;
        await fileSystem.copy({
          sourcePath: uriOfPath(from),
          destinationPath: uriOfPath(to),
          recursive,
          ...(sandbox === undefined ? {} : { sandbox }),
        });
      }),
  };
}

async function walk(fileSystem: FileSystem, path: Path, options: WalkOptions): Promise<Walk> {
  const { entries, errors, truncated } = await fileSystem.walk({
    ...placeOf(path, options),
    options: {
      maxDepth: options.depthMax ?? walkDepthMax,
      maxDirectories: options.directoriesMax ?? walkDirectoriesMax,
      maxEntries: options.entriesMax ?? walkEntriesMax,
      followDirectorySymlinks: options.followDirectorySymlinks ?? false,
      pruneHiddenDirectories: options.skipHiddenDirectories ?? false,
    },
  });
  const named = <T extends { path: string }>(entry: T) => ({
    ...entry,
    path: pathOfUri(entry.path),
  });
  return { entries: entries.map(named), errors: errors.map(named), truncated };
}
