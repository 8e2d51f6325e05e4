import type { HostPath } from "../../protocol/path-uri.ts";

/** Runs work on the same path one after the other. */
export class PlaceTurns {
  /** The last work on each path. */
  readonly #last = new Map<HostPath, Promise<void>>();

  /** Runs `work` when all earlier work on any of these paths has ended, however it ended. */
  take<T>(places: readonly HostPath[], work: () => Promise<T>): Promise<T> {
    const result = Promise.all(places.map((place) => this.#last.get(place))).then(work);
    const over: Promise<void> = result.then(ignore, ignore).then(() => {
      for (const place of places) if (this.#last.get(place) === over) this.#last.delete(place);
    });
    for (const place of places) this.#last.set(place, over);
    return result;
  }
}

/** The caller of `take` gets the outcome. */
const ignore = () => undefined;
