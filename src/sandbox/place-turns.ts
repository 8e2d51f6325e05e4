import type { HostPath } from "../protocol/path-uri.ts";

/** Has work about one place done one after the other. */
export class PlaceTurns {
  /** The last about each place. */
  readonly #last = new Map<HostPath, Promise<void>>();

  /** When all is over that came before and is about one of these places, however it went. */
  take<T>(places: readonly HostPath[], work: () => Promise<T>): Promise<T> {
    const result = Promise.all(places.map((place) => this.#last.get(place))).then(work);
    const over: Promise<void> = result.then(ignore, ignore).then(() => {
      for (const place of places) if (this.#last.get(place) === over) this.#last.delete(place);
    });
    for (const place of places) this.#last.set(place, over);
    return result;
  }
}

/** How it went is told to whoever asked for it. */
const ignore = () => undefined;
