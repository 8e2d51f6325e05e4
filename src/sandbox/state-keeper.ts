/**
 * Finds the directory for what sandboxes need, and finds it again: somebody may empty the folder
 * for temporary files while the server runs, or make room in it.
 */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { tmpdir } from "node:os";
import { internalError, toRpcError } from "../protocol/errors.ts";
import { type HostPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import { setUpFailure } from "./health-reasons.ts";
import { quickPlace } from "./quick-place.ts";
import {
  birthOf,
  keptIdentity,
  openStateDirectory,
  ownDirectory,
  type StateDirectory,
  statePathIn,
} from "./state-directory.ts";

/**
 * The last of this machine is out of reach of most who are confined, who may write the others.
 * Behind it comes what may hang, and would hold up whatever is to be confined.
 */
export function statePlaces(temporaryDirectory: string | undefined): readonly string[] {
  const places = [...new Set([temporaryDirectory || tmpdir(), "/tmp", "/var/tmp"])];
  const slow = places.filter(mayHang);
  return [...places.filter((place) => !slow.includes(place)), ...slow];
}

function mayHang(place: string): boolean {
  try {
    return quickPlace(place) === undefined;
  } catch {
    // Why it cannot serve is told when it is tried.
    return false;
  }
}

export const noPlaceFix = "set TMPDIR to a folder of this machine that can be written";

/** Where a folder served so far. */
export const noRoomFix = `make room there, or ${noPlaceFix}`;

const noPlaceReason = (failures: readonly string[]) =>
  `no folder for temporary files can hold what it needs (${failures.join("; ")})`;

/**
 * Why none of these folders could hold what sandboxes need, as far as that can be told without
 * making anything; undefined when one could.
 */
export async function placesHindrance(places: readonly string[]): Promise<string | undefined> {
  const failures: string[] = [];
  for (const place of places) {
    try {
      const path = await statePathIn(place);
      const isThere = birthOf(path) !== "";
      if (isThere) await ownDirectory(nodePath(path));
      await access(nodePath(isThere ? path : splitPath(path).parent), constants.W_OK);
      return undefined;
    } catch (error) {
      failures.push(`${place}: ${toRpcError(error).message}`);
    }
  }
  return noPlaceReason(failures);
}

export interface StateKeeperOptions {
  /** Folders for temporary files; the first that can serve does. */
  readonly places: readonly string[];
  /** Whether somebody who is confined could write there now. */
  isExposed(path: HostPath): boolean;
}

interface KnownState {
  readonly state: StateDirectory;
  /** The folder in which it is. */
  readonly place: string;
  /** Is another one when anything has been put into the directory, removed or renamed. */
  readonly identity: string;
  /** Is another one when the directory itself is. */
  readonly birth: string;
}

export class StateKeeper {
  readonly #options: StateKeeperOptions;
  #known: KnownState | undefined;
  #opening: Promise<StateDirectory> | undefined;

  constructor(options: StateKeeperOptions) {
    this.#options = options;
  }

  /** The folder in which it is, or probably will be. */
  get place(): string | undefined {
    return this.#known?.place ?? this.#options.places[0];
  }

  /**
   * One look at the disk where nothing has changed, which takes 5 us. Throws an RpcError that says
   * why there can be none; the next one who asks may be luckier.
   */
  async state(): Promise<StateDirectory> {
    const known = this.#known;
    if (known && keptIdentity(known.state.path) === known.identity) return known.state;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<StateDirectory> {
    const failures: string[] = [];
    // Where it has been the marks are, and what runs has it covered.
    for (const place of new Set([this.place ?? "", ...this.#options.places])) {
      try {
        const path = await this.#pathIn(place);
        const state = await openStateDirectory(path);
        this.#known = { state, place, identity: keptIdentity(path), birth: birthOf(path) };
        return state;
      } catch (error) {
        failures.push(`${place}: ${toRpcError(error).message}`);
      }
    }
    throw setUpFailure({ reason: noPlaceReason(failures), fix: noPlaceFix });
  }

  /**
   * Looked up anew only when what was there has gone: a link on the way may have been changed by
   * somebody who is confined.
   *
   * The kernel takes the cover away from a directory that is removed. Whoever is confined, has run
   * since then, and may write the folder around, could put a directory of his own there or write
   * into ours, and so say what other sandboxes mount and run.
   */
  async #pathIn(place: string): Promise<HostPath> {
    const known = this.#known;
    const isThere = known?.place === place && birthOf(known.state.path) === known.birth;
    if (isThere) return known.state.path;
    const path = await statePathIn(place);
    if (!known || !this.#options.isExposed(path)) return path;
    throw internalError(
      "the server's directory was removed, and a confined process that runs may write there",
    );
  }
}
