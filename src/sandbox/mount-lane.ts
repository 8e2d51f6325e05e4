import { remoteCallsMax } from "../limits.ts";
import { isWithin } from "./access.ts";

/** Calls about one mount that may hang: so many are under way, and the others wait for them. */
export class Lane {
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#underWay < remoteCallsMax) this.#underWay++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await call();
    } finally {
      this.#handOn();
    }
  }

  /** Whoever waits longest takes the place over. */
  #handOn(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#underWay--;
  }
}

/** One lane for each mount. */
export class Lanes {
  readonly #byMount = new Map<string, Lane>();

  /** That of the mount on which a path lies, of these, the deepest first; undefined on none. */
  of(path: string, mounts: readonly string[]): Lane | undefined {
    const mount = mounts.find((point) => isWithin(path, point));
    if (mount === undefined) return undefined;
    const lane = this.#byMount.get(mount) ?? new Lane();
    this.#byMount.set(mount, lane);
    return lane;
  }
}
