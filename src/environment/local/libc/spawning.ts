/** Declares what starts programs, for `libc.ts`. */
import type { Buffer } from "node:buffer";
import type { LibraryHandle } from "koffi";

export interface Spawning {
  readonly spawnAttributes: SpawnAttributes;
  readonly spawnFileActions: SpawnFileActions;
  /** Calls back with an errno, 0 for success. Runs on a thread of the pool until exec succeeded. */
  posix_spawn(arguments_: SpawnArguments, done: (errno: number) => void): void;
}

interface SpawnArguments {
  readonly pid: Int32Array;
  readonly path: Buffer;
  readonly actions: Buffer;
  readonly attributes: Buffer;
  /** Null-terminated tables of pointers to strings. */
  readonly argv: Buffer;
  readonly env: Buffer;
}

interface SpawnAttributes {
  init(attributes: Buffer): number;
  setSignalDefault(attributes: Buffer, signals: Buffer): number;
  setSignalMask(attributes: Buffer, signals: Buffer): number;
  setFlags(attributes: Buffer, flags: number): number;
}

/** All return an errno. */
interface SpawnFileActions {
  init(actions: Buffer): number;
  destroy(actions: Buffer): number;
  addOpen(actions: Buffer, fd: number, path: string, flags: number, mode: number): number;
  addDup2(actions: Buffer, source: number, target: number): number;
  addChdir(actions: Buffer, path: Buffer): number;
  /** Absent from musl and from glibc before 2.34. */
  addCloseFrom?: (actions: Buffer, first: number) => number;
}

/** Room for any of libc's opaque structures, whose exact sizes differ between libraries. */
export const opaqueBytes = 1024;

export function bindSpawning(library: LibraryHandle): Spawning {
  return {
    spawnAttributes: {
      init: library.func("int posix_spawnattr_init(void *)"),
      setSignalDefault: library.func("int posix_spawnattr_setsigdefault(void *, void *)"),
      setSignalMask: library.func("int posix_spawnattr_setsigmask(void *, void *)"),
      setFlags: library.func("int posix_spawnattr_setflags(void *, short)"),
    },
    spawnFileActions: bindFileActions(library),
    posix_spawn: bindSpawn(library),
  };
}

function bindSpawn(library: LibraryHandle): Spawning["posix_spawn"] {
  const spawn = library.func("int posix_spawn(void *, void *, void *, void *, void *, void *)");
  return ({ pid, path, actions, attributes, argv, env }, done) => {
    spawn.async(pid, path, actions, attributes, argv, env, (error: unknown, errno: number) => {
      if (error) throw error;
      done(errno);
    });
  };
}

function bindFileActions(library: LibraryHandle): SpawnFileActions {
  const prefix = "int posix_spawn_file_actions_";
  const actions: SpawnFileActions = {
    init: library.func(`${prefix}init(void *)`),
    destroy: library.func(`${prefix}destroy(void *)`),
    addOpen: library.func(`${prefix}addopen(void *, int, const char *, int, unsigned int)`),
    addDup2: library.func(`${prefix}adddup2(void *, int, int)`),
    addChdir: library.func(`${prefix}addchdir_np(void *, void *)`),
  };
  try {
    actions.addCloseFrom = library.func(`${prefix}addclosefrom_np(void *, int)`);
  } catch {
    // Not in this libc: close-on-exec on every descriptor of ours does the same.
  }
  return actions;
}
