import { type Deferred, deferred } from "../../async/deferred.ts";
import type { FileSystem } from "../../environment/file-system.ts";

/** Paths to wait for, and a directory without which waiting is useless. */
export interface WatchedPaths {
  readonly missing: readonly string[];
  readonly present?: string | undefined;
}

interface Watch {
  readonly id: number;
  readonly paths: WatchedPaths;
  readonly changed: Deferred<void>;
}

/** The one watch that an executor keeps per connection; set again after a reconnection. */
export class MissingWatch {
  readonly #fileSystem: FileSystem;
  #watch: Watch | undefined;
  #nextId = 1;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Settles when one of the paths may have appeared; at once when nothing can be watched. */
  async watch(paths: WatchedPaths): Promise<void> {
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

  /** The answer tells when a path appeared while the connection was broken. */
  resume(): void {
    if (this.#watch) void this.#set(this.#watch);
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
