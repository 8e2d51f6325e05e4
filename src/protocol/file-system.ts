import * as z from "zod/mini";
import { DecodedBase64 } from "./base64.ts";
import { requestId, u64 } from "./members.ts";
import { pathUri } from "./path-uri-schema.ts";
import { sandbox } from "./sandbox.ts";
import { schemaOf } from "./schema-of.ts";

/** Params that most operations share. */
const place = () => ({
  path: pathUri,
  /** False refuses a path that has a symbolic link in it. */
  followSymlinks: z.nullish(z.boolean()),
  sandbox: z.nullish(schemaOf(sandbox)),
});

const handleId = z.string();
/** Base64; a large one is decoded while its frame is read. */
const content = z.union([z.string(), z.instanceof(DecodedBase64)]);
const done = () => z.object({});

/**
 * `touches` names the params whose paths an operation reads or changes. Requests of one connection
 * on the same path, or on one above it, keep their order when one of them changes it; `handle` does
 * so for requests on one open file. `bulk` names the member that holds base64, which is copied into
 * the frame unescaped; `written` says that the whole result may already be JSON text.
 */
export const fileSystemRequests = {
  "fs/readFile": {
    params: () => z.object(place()),
    result: () => z.object({ dataBase64: z.string() }),
    touches: { reads: ["path"] },
    bulk: "dataBase64",
  },
  /** Creates or truncates in place: an existing file keeps its inode, mode and links. */
  "fs/writeFile": {
    params: () => z.object({ ...place(), dataBase64: content, requestId }),
    result: done,
    touches: { changes: ["path"] },
  },
  "fs/createDirectory": {
    params: () => z.object({ ...place(), recursive: z.nullish(z.boolean()), requestId }),
    result: done,
    touches: { changes: ["path"] },
  },
  "fs/getMetadata": {
    params: () => z.object(place()),
    result: () =>
      z.object({
        isDirectory: z.boolean(),
        isFile: z.boolean(),
        /** Whether the path itself is a link; the other members describe its target. */
        isSymlink: z.boolean(),
        size: z.number(),
        createdAtMs: z.number(),
        modifiedAtMs: z.number(),
      }),
    touches: { reads: ["path"] },
  },
  "fs/canonicalize": {
    params: () => z.object(place()),
    result: () => z.object({ path: z.string() }),
    touches: { reads: ["path"] },
  },
  "fs/readDirectory": {
    params: () => z.object(place()),
    result: () =>
      z.object({
        entries: z.array(
          z.object({
            fileName: z.string(),
            isDirectory: z.boolean(),
            isFile: z.boolean(),
            isSymlink: z.optional(z.boolean()),
          }),
        ),
      }),
    touches: { reads: ["path"] },
    written: true,
  },
  "fs/walk": {
    params: () =>
      z.object({
        ...place(),
        options: z.object({
          maxDepth: u64,
          maxDirectories: u64,
          maxEntries: u64,
          followDirectorySymlinks: z.boolean(),
          pruneHiddenDirectories: z._default(z.boolean(), false),
        }),
      }),
    result: () =>
      z.object({
        entries: z.array(z.object({ path: z.string(), kind: z.enum(["file", "directory"]) })),
        errors: z.array(z.object({ path: z.string(), message: z.string() })),
        truncated: z.boolean(),
      }),
    touches: { reads: ["path"] },
    written: true,
  },
  /** Both options default to true, as in the reference. */
  "fs/remove": {
    params: () =>
      z.object({
        ...place(),
        recursive: z.nullish(z.boolean()),
        force: z.nullish(z.boolean()),
        requestId,
      }),
    result: done,
    touches: { changes: ["path"] },
  },
  "fs/copy": {
    params: () =>
      z.object({
        sourcePath: pathUri,
        destinationPath: pathUri,
        recursive: z.boolean(),
        sandbox: z.nullish(schemaOf(sandbox)),
        requestId,
      }),
    result: done,
    touches: { reads: ["sourcePath"], changes: ["destinationPath"] },
  },
  /**
   * Opens a file under a handle id that the client chooses; the handle belongs to the connection.
   * `resume` opens an existing file for writing without truncating it. Capabilities:
   * `fileWriteResume`, and `fileOpenNoFollow` for `followSymlinks`.
   */
  "fs/open": {
    params: () =>
      z.object({
        handleId,
        ...place(),
        mode: z._default(z.enum(["read", "replace", "resume"]), "read"),
        /** Asks for `file` in the answer. Capability `fileWriteResume`. */
        identify: z.nullish(z.boolean()),
      }),
    result: () =>
      z.object({
        handleId,
        /** `id` is the same only for the same file, whatever its path leads to later. */
        file: z.optional(z.object({ id: z.string(), size: z.number() })),
      }),
    touches: { changes: ["path"], handle: "handleId" },
  },
  "fs/readBlock": {
    params: () => z.object({ handleId, offset: u64, len: u64 }),
    /** `eof` is true when fewer bytes than asked for came back. */
    result: () => z.object({ chunk: z.string(), eof: z.boolean() }),
    touches: { handle: "handleId" },
    bulk: "chunk",
  },
  "fs/writeBlock": {
    params: () => z.object({ handleId, offset: u64, chunk: content }),
    result: done,
    touches: { handle: "handleId" },
  },
  /** Closing an unknown handle is no error. */
  "fs/close": {
    params: () => z.object({ handleId }),
    result: done,
    touches: { handle: "handleId" },
  },
  /**
   * Reports once, by `fs/missingChanged`, that one of these absent paths, or a directory on the way
   * to it, has appeared. A connection has one watch; a new one replaces it.
   */
  "fs/watchMissing": {
    params: () =>
      z.object({
        watchId: u64,
        /** Nothing is watched when the way to one of them leads through a symbolic link. */
        missing: z.array(pathUri),
        /**
         * A change of this path is reported, too, but not what comes or goes in a directory.
         * Nothing is watched when it does not exist or has a symbolic link in it.
         */
        present: z.nullish(pathUri),
      }),
    /**
     * False: nothing is watched, because the list is empty, out of date or longer than 1,024, or
     * because the system watches no more.
     */
    result: () => z.object({ watching: z.boolean() }),
  },
} as const;

export const fileSystemEvents = {
  "fs/missingChanged": { params: () => z.object({ watchId: z.number() }) },
} as const;
