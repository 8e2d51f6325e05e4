import type { FileAnswers } from "../environment/file-system.ts";
import type { FileSystemMethod, Handlers } from "../protocol/methods.ts";

interface FileSystemContext {
  fileSystem(): FileAnswers;
}

/** Used by the server for its connections, and by the fs-helper for its stdin. */
export const fileSystemHandlers: Handlers<FileSystemMethod, FileSystemContext> = {
  "fs/readFile": (context, params) => context.fileSystem().readFile(params),
  "fs/writeFile": (context, params) => context.fileSystem().writeFile(params),
  "fs/createDirectory": (context, params) => context.fileSystem().createDirectory(params),
  "fs/getMetadata": (context, params) => context.fileSystem().getMetadata(params),
  "fs/canonicalize": (context, params) => context.fileSystem().canonicalize(params),
  "fs/readDirectory": (context, params) => context.fileSystem().readDirectory(params),
  "fs/walk": (context, params) => context.fileSystem().walk(params),
  "fs/remove": (context, params) => context.fileSystem().remove(params),
  "fs/copy": (context, params) => context.fileSystem().copy(params),
  "fs/open": (context, params) => context.fileSystem().open(params),
  "fs/readBlock": (context, params) => context.fileSystem().readBlock(params),
  "fs/writeBlock": (context, params) => context.fileSystem().writeBlock(params),
  "fs/close": (context, params) => context.fileSystem().close(params),
  "fs/watchMissing": (context, params) => context.fileSystem().watchMissing(params),
};
