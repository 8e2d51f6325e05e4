import type { FileSystem } from "../environment/file-system.ts";
import { type Deferred, deferred } from "../protocol/deferred.ts";

/** Absent paths, and a directory that has to be there still for the watch to be of use. */
export interface WatchedPaths {
  readonly missing: readonly string[];
  readonly present?: string | undefined;
}

interface Watch {
  readonly id: number;
  readonly paths: WatchedPaths;
  readonly changed: Deferred<void>;
}

/** The one watch that an executor keeps for a connection; set anew after a broken connection. */
export class MissingWatch {
  readonly #fileSystem: FileSystem;
  #watch: Watch | undefined;
  #nextId = 1;
  #lost: Error | undefined;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Settles when one of the paths may have appeared; at once when there is nothing to watch. */
  async watch(paths: WatchedPaths): Promise<void> {
    if (this.#lost) throw this.#lost;
    this.#watch?.changed.reject(new Error("this watch was replaced by a newer one"));
    const watch = { id: this.#nextId++, paths, changed: deferred<void>() };
    this.#watch = watch;
    await this.#set(watch);
    return watch.changed.promise;
  }

  changed(id: number): void {
    if (this.#watch?.id !== id) return;
    this.#watch.changed.resolve();
    this.#watch = undefined;
  }

  /** What appeared while the connection was broken is told by the answer. */
  resume(): void {
    if (this.#watch) void this.#set(this.#watch);
  }

  /** Nothing will be told any more. */
  fail(error: Error): void {
    this.#lost = error;
    this.#watch?.changed.reject(error);
  }

  async #set({ id, paths, changed }: Watch): Promise<void> {
    const { missing, present = null } = paths;
    try {
      const request = { watchId: id, missing: [...missing], present };
      const { watching } = await this.#fileSystem.watchMissing(request);
      if (!watching) this.changed(id);
    } catch (error) {
      changed.reject(error as Error);
    }
  }
}
