import { fileHandlesMax } from "../../limits.ts";
import { invalidRequest } from "../../protocol/errors.ts";
import type { Emit, FileSystemEvent, Params, Result } from "../../protocol/methods.ts";
import type { Sandbox } from "../../protocol/sandbox.ts";
import type { ConfinedFiles } from "../../sandbox/confined-files.ts";
import { hasRemoteMounts } from "../../system/mount-lanes.ts";
import type { FileAnswers } from "../file-system.ts";
import { remoteFileSystem } from "../remote/file-system.ts";
import { directFileSystem } from "./files/direct-file-system.ts";
import { type OpenFiles, openFiles } from "./files/open-files.ts";
import type { TreeMeans } from "./files/trees/remove-tree.ts";
import { missingWatch } from "./files/watch-missing.ts";
import type { WriteJournal } from "./journal/journal.ts";

type OptionalSandbox = Sandbox | null | undefined;

export interface LocalFileSystem extends FileAnswers {
  /**
   * Closes one file. Without params, closes all files and watches of the connection, at its end.
   */
  close(params?: Params<"fs/close">): Promise<Result<"fs/close">>;
}

export interface LocalFileSystemOptions extends TreeMeans {
  readonly emit: Emit<FileSystemEvent>;
  /** Runs operations in a sandbox; without it those are refused. */
  readonly confined?: ConfinedFiles | undefined;
  /** Records writes under way, in case this process is killed. */
  readonly journal?: WriteJournal | undefined;
  /** Files that may be open at once, whoever holds them; 128 when absent. */
  readonly fileHandlesMax?: number | undefined;
}

/** The files of this machine for one connection, which owns the open files and the watch. */
export function localFileSystem(options: LocalFileSystemOptions): LocalFileSystem {
  const { confined = noConfinedFiles } = options;
  // Opens its file, which stays open, now: when descriptors are scarce it would take the last one.
  hasRemoteMounts();
  const files = openFiles();
  const { watchMissing, ...watch } = missingWatch(options.emit);
  const direct = { ...directFileSystem(options.journal, options), ...files, watchMissing };
  const under = decisionBetween(direct, confined);
  const opened = remoteFileSystem(confined.openFiles);
  const admit = admission([confined, files], options.fileHandlesMax);
  const holder = ({ handleId }: { handleId: string }) =>
    confined.holds(handleId) ? opened : files;
  return {
    readFile: (params) => under("read", params.sandbox).readFile(params),
    writeFile: (params) => under("write", params.sandbox).writeFile(params),
    createDirectory: (params) => under("write", params.sandbox).createDirectory(params),
    getMetadata: (params) => under("read", params.sandbox).getMetadata(params),
    canonicalize: (params) => under("read", params.sandbox).canonicalize(params),
    readDirectory: (params) => under("read", params.sandbox).readDirectory(params),
    walk: (params) => under("read", params.sandbox).walk(params),
    remove: (params) => under("write", params.sandbox).remove(params),
    copy: (params) => under("write", params.sandbox).copy(params),
    open: async (params) => {
      admit(params.handleId);
      return under(params.mode === "read" ? "read" : "write", params.sandbox).open(params);
    },
    readBlock: (params) => holder(params).readBlock(params),
    writeBlock: (params) => holder(params).writeBlock(params),
    close: async (params) => {
      if (params) return holder(params).close(params);
      watch.close();
      confined.close();
      await files.closeAll();
      return {};
    },
    watchMissing,
  };
}

/** Refuses to open a file under an id that is taken, or more files than may be open. */
function admission(holders: readonly HandleHolder[], handlesMax = fileHandlesMax) {
  return (handleId: string) => {
    // Counted first: what was lost with its worker neither counts nor keeps its id.
    const count = holders.reduce((sum, holder) => sum + holder.countOpen(), 0);
    if (holders.some((holder) => holder.holds(handleId))) {
      throw invalidRequest(`file handle \`${handleId}\` already exists`);
    }
    if (count < handlesMax) return;
    throw invalidRequest(`at most ${handlesMax} file handles may be open per connection`);
  };
}

type HandleHolder = Pick<OpenFiles, "holds" | "countOpen">;

/** Chooses who does an operation under a sandbox: the one decision that every path passes. */
const decisionBetween =
  (direct: FileAnswers, confined: ConfinedFiles) =>
  (operation: "read" | "write", sandbox: OptionalSandbox): FileAnswers =>
    sandbox && confined.needsHelper(sandbox, operation)
      ? remoteFileSystem(confined.call(sandbox))
      : direct;

const noConfinedFiles: ConfinedFiles = {
  needsHelper: ({ permissions }) =>
    permissions.type === "managed" && permissions.file_system.type !== "unrestricted",
  call: () => () => Promise.reject(unenforceable()),
  holds: () => false,
  countOpen: () => 0,
  openFiles: () => Promise.reject(unenforceable()),
  close: () => undefined,
};

function unenforceable() {
  return invalidRequest(
    "filesystem sandbox cannot be enforced on this executor: it has no sandbox for file operations",
  );
}
