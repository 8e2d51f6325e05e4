import { Buffer } from "node:buffer";
import { turns } from "../../async/turns.ts";
import type { FileSystem } from "../../environment/file-system.ts";
import {
  uploadsAtOnceMax,
  walkDepthMax,
  walkDirectoriesMax,
  walkEntriesMax,
  wholeFileBytesMax,
} from "../../limits.ts";
import { errorCodes } from "../../protocol/errors.ts";
import { errorOfCode } from "../calls/errors.ts";
import { checkArguments, checkOptions } from "../calls/options.ts";
import { type Path, pathOfUri, uriOfPath } from "../calls/paths.ts";
import { allowMany, perform } from "../calls/perform.ts";
import { readBlocks } from "./file-blocks.ts";
import type { FileOptions, Files, Walk, WalkOptions } from "./files.ts";
import type { MissingWatch } from "./missing-watch.ts";
import { fromSource } from "./source.ts";
import { replaceFile, writeBlocks } from "./upload.ts";

interface FilesSource {
  readonly fileSystem: FileSystem;
  readonly watch: MissingWatch;
  /** Aborted when the environment is lost. */
  readonly lost: AbortSignal;
  /** Whether a write can resume after a broken connection; capability `fileWriteResume`. */
  readonly canResume: boolean;
  /** Whether `fs/open` obeys `followSymlinks`; capability `fileOpenNoFollow`. */
  readonly canRefuseLinks: boolean;
}

/** Makes the `Files` of the library from the file system of a machine. */
export function filesThrough(source: FilesSource): Files {
  const { watch, lost, canRefuseLinks } = source;
  const fileSystem = canRefuseLinks ? source.fileSystem : followingLinks(source.fileSystem);
  return {
    ...contents({ ...source, fileSystem }),
    ...lookups(fileSystem),
    ...changes(fileSystem),
    watchMissing: (paths, options = {}) =>
      perform(options, () => {
        checkArguments({ paths });
        const { present } = options;
        const watched = {
          missing: paths.map(uriOfPath),
          present: present === undefined ? undefined : uriOfPath(present),
        };
        return perform({ signal: lost }, () => watch.watch(watched));
      }),
  };
}

/**
 * Refuses `followSymlinks: false` here, because an executor that does not know the option would
 * follow the link all the same.
 */
const followingLinks = (fileSystem: FileSystem): FileSystem => ({
  ...fileSystem,
  open: async (file, signal) => {
    if (file.followSymlinks === false) throw cannotRefuseLinks();
    return fileSystem.open(file, signal);
  },
});

const cannotRefuseLinks = () =>
  errorOfCode(
    errorCodes.invalidRequest,
    "this executor cannot refuse links in what is read or written in blocks: use `read` in place " +
      `of \`stream\`, and write up to ${wholeFileBytesMax} bytes, not as a stream`,
  );

const placeOf = (path: Path, { sandbox, followSymlinks }: FileOptions) => ({
  path: uriOfPath(path),
  ...(sandbox === undefined ? {} : { sandbox }),
  ...(followSymlinks === undefined ? {} : { followSymlinks }),
});

/** Performs an operation on a path, which the executor's errors do not always name. */
const at = <T>(path: Path, options: FileOptions, work: () => T | Promise<T>) =>
  perform(options, work, `${path}`);

type Contents = Pick<Files, "read" | "readText" | "stream" | "write">;

function contents(source: FilesSource): Contents {
  const { fileSystem } = source;
  const inTurn = turns(uploadsAtOnceMax);
  const read = (path: Path, options: FileOptions = {}) =>
    at(path, options, async () => {
      const { dataBase64 } = await fileSystem.readFile(placeOf(path, options), options.signal);
      return Buffer.from(dataBase64, "base64");
    });
  return {
    read,
    readText: async (path, options) => (await read(path, options)).toString(),
    stream: (path, options = {}) => {
      checkOptions(options);
      return streamOf(path, readBlocks(fileSystem, placeOf(path, options)), options);
    },
    write: (path, content, options = {}) => {
      const write = (content: Content) =>
        at(path, options, () =>
          writeContent({ ...source, place: placeOf(path, options), content, inTurn, options }),
        );
      return isWhole(content) ? write(content) : fromSource(content, write);
    },
  };
}

type Whole = string | Uint8Array;
type Content = Whole | AsyncIterable<Uint8Array>;

const isWhole = (content: unknown): content is Whole =>
  typeof content === "string" || content instanceof Uint8Array;

interface Writing extends FilesSource {
  readonly place: ReturnType<typeof placeOf>;
  readonly content: Content;
  readonly inTurn: ReturnType<typeof turns>;
  readonly options: FileOptions;
}

/**
 * Up to `wholeFileBytesMax` go in one request, which a crash cannot tear. Anything larger goes in
 * blocks, because one large message would block everything else on a slow connection.
 */
async function writeContent(writing: Writing): Promise<void> {
  const { fileSystem, place, canResume, content, inTurn } = writing;
  const { signal } = writing.options;
  const upload = { fileSystem, place, canResume, signal };
  if (!isWhole(content)) {
    // A source may be silent for long; then no call would notice that the environment is lost.
    return perform({ signal: writing.lost }, () => writeBlocks({ ...upload, content }));
  }
  const bytes = Buffer.from(content as string);
  if (bytes.length > wholeFileBytesMax) {
    return inTurn(() => replaceFile({ ...upload, content: bytes }));
  }
  await fileSystem.writeFile({ ...place, dataBase64: bytes.toString("base64") }, signal);
}

/** A web stream of blocks, each read only when it is asked for. */
function streamOf(path: Path, blocks: AsyncGenerator<Uint8Array>, options: FileOptions) {
  const { signal } = options;
  const leave = async () => {
    signal?.removeEventListener("abort", abandon);
    await blocks.return(undefined);
  };
  // After an abort nobody pulls any more, so the generator is left here to close the file.
  const abandon = () => void leave().catch(() => {});
  if (signal) allowMany(signal);
  signal?.addEventListener("abort", abandon);
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await at(path, options, () => blocks.next());
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        abandon();
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

type Lookups = Pick<Files, "stat" | "realPath" | "list" | "walk">;

const lookups = (fileSystem: FileSystem): Lookups => ({
  stat: (path, options = {}) =>
    at(path, options, async () => {
      const { createdAtMs, modifiedAtMs, ...rest } = await fileSystem.getMetadata(
        placeOf(path, options),
        options.signal,
      );
      return { ...rest, createdAt: new Date(createdAtMs), modifiedAt: new Date(modifiedAtMs) };
    }),
  realPath: (path, options = {}) =>
    at(path, options, async () =>
      pathOfUri((await fileSystem.canonicalize(placeOf(path, options), options.signal)).path),
    ),
  list: (path, options = {}) =>
    at(path, options, async () => {
      const { entries } = await fileSystem.readDirectory(placeOf(path, options), options.signal);
      return entries.map(({ fileName, isSymlink = false, ...kind }) => ({
        name: fileName,
        isSymlink,
        ...kind,
      }));
    }),
  walk: (path, options = {}) => at(path, options, () => walk(fileSystem, path, options)),
});

type Changes = Pick<Files, "makeDirectory" | "remove" | "copy">;

const changes = (fileSystem: FileSystem): Changes => ({
  makeDirectory: (path, options = {}) =>
    at(path, options, async () => {
      const { recursive = false } = options;
      await fileSystem.createDirectory({ ...placeOf(path, options), recursive }, options.signal);
    }),
  remove: (path, options = {}) =>
    at(path, options, async () => {
      const { recursive = false, force = false } = options;
      await fileSystem.remove({ ...placeOf(path, options), recursive, force }, options.signal);
    }),
  copy: (from, to, options = {}) =>
    at(`${from} to ${to}`, options, async () => {
      const { recursive = false, sandbox } = options;
      const request = {
        sourcePath: uriOfPath(from),
        destinationPath: uriOfPath(to),
        recursive,
        ...(sandbox === undefined ? {} : { sandbox }),
      };
      await fileSystem.copy(request, options.signal);
    }),
});

async function walk(fileSystem: FileSystem, path: Path, options: WalkOptions): Promise<Walk> {
  const bounds = {
    maxDepth: options.depthMax ?? walkDepthMax,
    maxDirectories: options.directoriesMax ?? walkDirectoriesMax,
    maxEntries: options.entriesMax ?? walkEntriesMax,
    followDirectorySymlinks: options.followDirectorySymlinks ?? false,
    pruneHiddenDirectories: options.skipHiddenDirectories ?? false,
  };
  const request = { ...placeOf(path, options), options: bounds };
  const { entries, errors, truncated } = await fileSystem.walk(request, options.signal);
  const named = <T extends { path: string }>(entry: T) => ({
    ...entry,
    path: pathOfUri(entry.path),
  });
  return { entries: entries.map(named), errors: errors.map(named), truncated };
}
