import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import type { FileSystem } from "../environment/file-system.ts";
import {
  uploadsAtOnceMax,
  walkDepthMax,
  walkDirectoriesMax,
  walkEntriesMax,
  wholeFileBytesMax,
} from "../limits.ts";
import { errorCodes } from "../protocol/errors.ts";
import { turns } from "../protocol/turns.ts";
import { errorOfCode } from "./errors.ts";
import { readBlocks } from "./file-blocks.ts";
import type { FileContent, FileOptions, Files, Walk, WalkOptions } from "./files.ts";
import type { MissingWatch } from "./missing-watch.ts";
import { type Path, pathOfUri, uriOfPath } from "./paths.ts";
import { allowMany, perform } from "./perform.ts";
import { replaceFile, writeBlocks } from "./upload.ts";

interface FilesSource {
  readonly fileSystem: FileSystem;
  readonly watch: MissingWatch;
  /** Aborted when the machine is lost. */
  readonly lost: AbortSignal;
  /** Whether a file whose connection broke can be written on where it was; `fileWriteResume`. */
  readonly canResume: boolean;
  /** Whether `followSymlinks` is obeyed where a file is opened; `fileOpenNoFollow`. */
  readonly canRefuseLinks: boolean;
}

/** The files of a machine as the library offers them, until it is lost. */
export function filesThrough(source: FilesSource): Files {
  const { watch, canRefuseLinks } = source;
  const fileSystem = canRefuseLinks ? source.fileSystem : followingLinks(source.fileSystem);
  return {
    ...contents({ ...source, fileSystem }),
    ...directories(fileSystem),
    watchMissing: (paths, { signal, present } = {}) =>
      perform(signal, () =>
        watch.watch({
          missing: paths.map(uriOfPath),
          present: present === undefined ? undefined : uriOfPath(present),
        }),
      ),
  };
}

/** An executor that does not know the option would open what a link leads to all the same. */
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

type Contents = Pick<Files, "read" | "readText" | "stream" | "write">;

function contents(source: FilesSource): Contents {
  const { fileSystem } = source;
  const inTurn = turns(uploadsAtOnceMax);
  const read = (path: Path, options: FileOptions = {}) =>
    perform(options.signal, async () => {
      const { dataBase64 } = await fileSystem.readFile(placeOf(path, options), options.signal);
      return Buffer.from(dataBase64, "base64");
    });
  return {
    read,
    readText: async (path, options) => (await read(path, options)).toString(),
    stream: (path, options = {}) =>
      streamOf(readBlocks(fileSystem, placeOf(path, options)), options),
    write: (path, content, options = {}) =>
      perform(options.signal, () =>
        write({ ...source, place: placeOf(path, options), content, inTurn, options }),
      ),
  };
}

interface Writing extends FilesSource {
  readonly place: ReturnType<typeof placeOf>;
  readonly content: FileContent;
  readonly inTurn: ReturnType<typeof turns>;
  readonly options: FileOptions;
}

/** A whole file is either written or not. A large one would keep all else from a slow line. */
async function write(writing: Writing): Promise<void> {
  const { fileSystem, place, canResume, content, inTurn } = writing;
  const { signal } = writing.options;
  const upload = { fileSystem, place, canResume, signal };
  if (typeof content !== "string" && !(content instanceof Uint8Array)) {
    // Before the file is opened, which empties it.
    if (!isSource(content)) throw noContent(content);
    // A source may give nothing for long, and no call would tell that the machine is lost.
    return perform(writing.lost, () => writeBlocks({ ...upload, content }));
  }
  const bytes = Buffer.from(content as string);
  if (bytes.length > wholeFileBytesMax) {
    return inTurn(() => replaceFile({ ...upload, content: bytes }));
  }
  await fileSystem.writeFile({ ...place, dataBase64: bytes.toString("base64") }, signal);
}

const isSource = (content: unknown) =>
  typeof content === "object" && content !== null && Symbol.asyncIterator in content;

const noContent = (content: unknown) =>
  new TypeError(`a file is written from text, a Uint8Array or a stream of Uint8Arrays, not from \
${inspect(content, { depth: 0, maxArrayLength: 0, maxStringLength: 20 })}`);

/** Asks for a block when it is wanted, not before. */
function streamOf(blocks: AsyncGenerator<Uint8Array>, { signal }: FileOptions) {
  const leave = async () => {
    signal?.removeEventListener("abort", abandon);
    await blocks.return(undefined);
  };
  // Whoever gives up asks for nothing more, and the file would stay open.
  const abandon = () => void leave().catch(() => {});
  if (signal) allowMany(signal);
  signal?.addEventListener("abort", abandon);
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await perform(signal, () => blocks.next());
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

type Directories = Omit<Files, keyof Contents | "watchMissing">;

const directories = (fileSystem: FileSystem): Directories => ({
  ...looking(fileSystem),
  ...changing(fileSystem),
});

type Looking = Pick<Files, "stat" | "realPath" | "list" | "walk">;

const looking = (fileSystem: FileSystem): Looking => ({
  stat: (path, options = {}) =>
    perform(options.signal, async () => {
      const { createdAtMs, modifiedAtMs, ...rest } = await fileSystem.getMetadata(
        placeOf(path, options),
        options.signal,
      );
      return { ...rest, createdAt: new Date(createdAtMs), modifiedAt: new Date(modifiedAtMs) };
    }),
  realPath: (path, options = {}) =>
    perform(options.signal, async () =>
      pathOfUri((await fileSystem.canonicalize(placeOf(path, options), options.signal)).path),
    ),
  list: (path, options = {}) =>
    perform(options.signal, async () => {
      const { entries } = await fileSystem.readDirectory(placeOf(path, options), options.signal);
      return entries.map(({ fileName, isSymlink = false, ...kind }) => ({
        name: fileName,
        isSymlink,
        ...kind,
      }));
    }),
  walk: (path, options = {}) => perform(options.signal, () => walk(fileSystem, path, options)),
});

const changing = (fileSystem: FileSystem): Omit<Directories, keyof Looking> => ({
  makeDirectory: (path, options = {}) =>
    perform(options.signal, async () => {
      const { recursive = false } = options;
      await fileSystem.createDirectory({ ...placeOf(path, options), recursive }, options.signal);
    }),
  remove: (path, options = {}) =>
    perform(options.signal, async () => {
      const { recursive = false, force = false } = options;
      await fileSystem.remove({ ...placeOf(path, options), recursive, force }, options.signal);
    }),
  copy: (from, to, options = {}) =>
    perform(options.signal, async () => {
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
