import { turns } from "../async/turns.ts";
import { remoteCallsMax } from "../limits.ts";
import { isWithin } from "../protocol/path-uri.ts";

/** Calls about one mount that may hang: `remoteCallsMax` run at once, and the others wait. */
export interface Lane {
  run<T>(call: () => Promise<T>): Promise<T>;
}

/** One lane for each mount. */
export class Lanes {
  readonly #byMount = new Map<string, Lane>();

  /** The lane of the mount that `path` lies on. `mounts` come deepest first; undefined on none. */
  of(path: string, mounts: readonly string[]): Lane | undefined {
    const mount = mounts.find((point) => isWithin(path, point));
    if (mount === undefined) return undefined;
    const lane = this.#byMount.get(mount) ?? { run: turns(remoteCallsMax) };
    this.#byMount.set(mount, lane);
    return lane;
  }
}
