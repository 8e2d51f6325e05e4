import type { FileSystem } from "../../environment/file-system.ts";
import { invalidRequest } from "../../protocol/errors.ts";
import type { Emit, FileSystemEvent, Params, Result } from "../../protocol/methods.ts";
import type { Sandbox } from "../../protocol/sandbox.ts";
import { directFileSystem } from "./direct-file-system.ts";
import { openFiles } from "./open-files.ts";
import { missingWatch } from "./watch-missing.ts";

type OptionalSandbox = Sandbox | null | undefined;

export interface LocalFileSystem extends FileSystem {
  /** Closes one file; without params all that the connection holds, when the connection ends. */
  close(params?: Params<"fs/close">): Promise<Result<"fs/close">>;
}

export interface LocalFileSystemOptions {
  readonly emit: Emit<FileSystemEvent>;
  /** Files that may be open at once; 128 when absent. */
  readonly fileHandlesMax?: number | undefined;
}

/** The files of this machine for one connection, which owns the open files and the watch. */
export function localFileSystem(options: LocalFileSystemOptions): LocalFileSystem {
  const files = openFiles(options.fileHandlesMax);
  const watch = missingWatch(options.emit);
  const direct = { ...directFileSystem(), ...files, watchMissing: watch.watchMissing };
  const under = (sandbox: OptionalSandbox) => confined(direct, sandbox);
  return {
    readFile: async (params) => under(params.sandbox).readFile(params),
    writeFile: async (params) => under(params.sandbox).writeFile(params),
    createDirectory: async (params) => under(params.sandbox).createDirectory(params),
    getMetadata: async (params) => under(params.sandbox).getMetadata(params),
    canonicalize: async (params) => under(params.sandbox).canonicalize(params),
    readDirectory: async (params) => under(params.sandbox).readDirectory(params),
    walk: async (params) => under(params.sandbox).walk(params),
    remove: async (params) => under(params.sandbox).remove(params),
    copy: async (params) => under(params.sandbox).copy(params),
    open: async (params) => under(params.sandbox).open(params),
    readBlock: files.readBlock,
    writeBlock: files.writeBlock,
    close: async (params) => {
      if (params) return files.close(params);
      watch.close();
      await files.closeAll();
      return {};
    },
    watchMissing: watch.watchMissing,
  };
}

/** What does an operation under this sandbox: the one decision through which every path passes. */
function confined(direct: FileSystem, sandbox: OptionalSandbox): FileSystem {
  if (!asksForConfinement(sandbox)) return direct;
  throw invalidRequest(
    "filesystem sandbox cannot be enforced on this executor: it has no sandbox for file operations",
  );
}

function asksForConfinement(sandbox: OptionalSandbox): boolean {
  return (
    sandbox?.permissions.type === "managed" &&
    sandbox.permissions.file_system.type !== "unrestricted"
  );
}
