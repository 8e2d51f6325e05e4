/**
 * Finds a place for the state directory, and again when it was removed: the directory for temporary
 * files may be emptied while the server runs.
 */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { tmpdir } from "node:os";
import { internalError, toRpcError } from "../../protocol/errors.ts";
import { type HostPath, nodePath, splitPath } from "../../protocol/path-uri.ts";
import { quickPlace } from "../../system/quick-place.ts";
import { setUpFailure } from "../bwrap/health-reasons.ts";
import {
  birthOf,
  keptIdentity,
  openStateDirectory,
  ownDirectory,
  type StateDirectory,
  statePathIn,
} from "./state-directory.ts";

/**
 * The candidate directories for temporary files. `/var/tmp` is last of the local ones, because
 * confined processes may usually write the others. Those on which calls may hang come at the end,
 * because they would hold up every confined request.
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
    // The attempt to use it will report why it cannot serve.
    return false;
  }
}

export const noPlaceFix = "set TMPDIR to a folder of this machine that can be written";

/** The remedy when the chosen directory has run out of space. */
export const noRoomFix = `make room there, or ${noPlaceFix}`;

const noPlaceReason = (failures: readonly string[]) =>
  `no folder for temporary files can hold what it needs (${failures.join("; ")})`;

/**
 * Why none of these directories can hold the state, as far as that can be known without creating
 * anything; undefined when one can.
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
  /** Candidate directories, in order; the first that can serve is used. */
  readonly places: readonly string[];
  /** Whether a running confined process could write there. */
  isExposed(path: HostPath): boolean;
}

interface KnownState {
  readonly state: StateDirectory;
  /** The candidate that holds it. */
  readonly place: string;
  /** Changes when an entry of the directory is added, removed or renamed. */
  readonly identity: string;
  /** Changes when the directory is replaced. */
  readonly birth: string;
}

export class StateKeeper {
  readonly #options: StateKeeperOptions;
  #known: KnownState | undefined;
  #opening: Promise<StateDirectory> | undefined;

  constructor(options: StateKeeperOptions) {
    this.#options = options;
  }

  /** The candidate that holds the state directory, or probably will. */
  get place(): string {
    return this.#known?.place ?? this.#options.places[0] ?? "";
  }

  /**
   * Gives the state directory, opened anew if it has changed; otherwise one call of lstat, which
   * takes 5 us. Throws an RpcError when no candidate can serve; a later call tries again.
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
    // The known place first: the marks are there, and running sandboxes have it covered by a mount.
    for (const place of new Set([this.place, ...this.#options.places])) {
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
   * Resolved anew only when the directory is gone, because a confined process may have changed a
   * link of the path.
   *
   * The kernel drops the mounts over a directory that is removed. A confined process that has run
   * since then and may write the parent could put its own directory there, or write into ours, and
   * so decide what other sandboxes mount and run.
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
