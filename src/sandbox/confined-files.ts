/**
 * File operations under a sandbox policy. Open files and workers belong to one connection, so that
 * nothing is carried over from one client to another.
 */
import { randomUUID } from "node:crypto";
import { helperStartAttemptsMax, sandboxMeaningsMax } from "../limits.ts";
import { internalError } from "../protocol/errors.ts";
import type { Call, Method, Params, Result } from "../protocol/methods.ts";
import type { Sandbox } from "../protocol/sandbox.ts";
import { type HelperStation, helperRecipe, helperStation, isStill } from "./helper-station.ts";
import {
  hasCwd,
  needsCwd,
  type Policy,
  policyNeedsCwd,
  policyOf,
  readsEverything,
  writesEverything,
} from "./policy/policy.ts";
import { WorldChangedError } from "./policy/world-changed-error.ts";
import type { SandboxMachine } from "./sandbox-machine.ts";
import { HeldFiles, type Holder } from "./workers/held-files.ts";
import type { HelperCrew } from "./workers/helper-crew.ts";
import type { HelperPool } from "./workers/helper-pool.ts";
import type { HelperWorker } from "./workers/helper-worker.ts";

/** The sandboxed file operations of one connection. */
export interface ConfinedFiles {
  /** Whether an operation under this sandbox must go through `call`, or may be done directly. */
  needsHelper(sandbox: Sandbox, operation: "read" | "write"): boolean;
  /** Sends requests to a worker that is confined by this policy. */
  call(sandbox: Sandbox): Call;
  /** Whether the file with this id was opened by a worker; then `openFiles` knows it. */
  holds(handleId: string): boolean;
  /** How many files workers have open for the connection. */
  countOpen(): number;
  /** Sends requests on open files to the workers that opened them. */
  readonly openFiles: Call;
  close(): void;
}

export function confinedFiles(machine: SandboxMachine, pool: HelperPool): ConfinedFiles {
  return new ConnectionFiles(machine, pool);
}

/** A crew, with the state of the world for which it was made. */
interface Station extends HelperStation {
  readonly crew: HelperCrew;
}

/** What a sandbox object means, computed once. */
interface Meaning {
  readonly policy: Policy;
  readonly key: string;
  readonly readsAll: boolean;
  readonly writesAll: boolean;
  readonly lacksCwd: boolean;
}

class ConnectionFiles implements ConfinedFiles {
  readonly #machine: SandboxMachine;
  readonly #pool: HelperPool;
  readonly #owner = randomUUID();
  readonly #meanings = new Map<string, Meaning>();
  #last: { readonly sandbox: Sandbox; readonly meaning: Meaning } | undefined;
  readonly #stations = new Map<string, Station>();
  readonly #held = new HeldFiles();
  #isClosed = false;

  constructor(machine: SandboxMachine, pool: HelperPool) {
    this.#machine = machine;
    this.#pool = pool;
  }

  needsHelper(sandbox: Sandbox, operation: "read" | "write"): boolean {
    const { readsAll, writesAll } = this.#meaning(sandbox);
    return operation === "read" ? !readsAll : !writesAll;
  }

  call(sandbox: Sandbox): Call {
    return (method, params) => this.#perform(sandbox, method, params);
  }

  holds(handleId: string): boolean {
    return this.#held.has(handleId);
  }

  countOpen(): number {
    return this.#held.count();
  }

  get openFiles(): Call {
    return this.#held.call;
  }

  /**
   * Releases the workers. Requests under way are finished, because the client may return for the
   * results.
   */
  close(): void {
    this.#isClosed = true;
    this.#held.clear();
    this.#pool.release(this.#owner);
  }

  async #perform<M extends Method>(
    sandbox: Sandbox,
    method: M,
    params: Params<M>,
  ): Promise<Result<M>> {
    // The worker knows its policy; parsing the one in the request would be wasted.
    const request = { ...(params as object), sandbox: null };
    if (method === "fs/open") return this.#open(sandbox, request) as Promise<Result<M>>;
    const work = (worker: HelperWorker) => worker.request(method, request);
    return this.#onWorker(sandbox, work) as Promise<Result<M>>;
  }

  /**
   * On a busy machine mounts often change. When they did while a worker was set up, nothing has
   * been done yet, and another worker is set up for the new state.
   */
  async #onWorker<T>(
    sandbox: Sandbox,
    work: (worker: HelperWorker, crew: HelperCrew) => Promise<T>,
  ): Promise<T> {
    const meaning = this.#meaning(sandbox);
    if (meaning.lacksCwd) throw policyNeedsCwd();
    for (let attempt = 1; ; attempt++) {
      const known = this.#knownStation(meaning);
      // Synchronous if possible: otherwise the rest would add to the time in which the worker wakes
      // up.
      const { crew } =
        (known instanceof Promise ? await known : known) ?? (await this.#newStation(meaning));
      try {
        return await this.#run(crew, (worker) => work(worker, crew));
      } catch (error) {
        if (!(error instanceof WorldChangedError) || attempt === helperStartAttemptsMax)
          throw error;
      }
    }
  }

  #run<T>(crew: HelperCrew, work: (worker: HelperWorker) => Promise<T>): Promise<T> {
    const result = crew.run(work);
    // A request that waited for another one of its closed connection: nothing else will need the
    // worker.
    if (this.#isClosed) this.#pool.release(this.#owner);
    return result;
  }

  async #open(sandbox: Sandbox, request: object): Promise<Result<"fs/open">> {
    if (this.#isClosed) throw internalError("the connection that would hold the file has ended");
    return this.#held.open(handleIdOf(request), this.#holderOf(sandbox, request));
  }

  async #holderOf(sandbox: Sandbox, request: object): Promise<Holder> {
    return this.#onWorker(sandbox, async (worker, crew) => {
      const opened = (await worker.request("fs/open", request)) as Result<"fs/open">;
      // Added before the worker could count as idle: one with open files never does.
      worker.handles.add(handleIdOf(request));
      return { worker, crew, opened };
    });
  }

  /**
   * Cached, because a client repeats the same few sandbox objects, and a request asks several
   * times.
   */
  #meaning(sandbox: Sandbox): Meaning {
    if (this.#last?.sandbox !== sandbox) this.#last = { sandbox, meaning: this.#named(sandbox) };
    return this.#last.meaning;
  }

  #named(sandbox: Sandbox): Meaning {
    const named = JSON.stringify(sandbox);
    const known = this.#meanings.get(named);
    if (known) return known;
    const meaning = meaningOf(sandbox, this.#machine);
    if (this.#meanings.size >= sandboxMeaningsMax) this.#meanings.clear();
    this.#meanings.set(named, meaning);
    return meaning;
  }

  /** The crew for a policy, if the world has not changed since its mounts were made. */
  #knownStation({ key }: Meaning): Station | undefined | Promise<Station | undefined> {
    const known = this.#stations.get(key);
    const isGood = known && isStill(known, this.#machine);
    if (isGood instanceof Promise) return isGood.then((is) => (is ? known : undefined));
    return isGood ? known : undefined;
  }

  async #newStation({ policy, key }: Meaning): Promise<Station> {
    const station = await helperStation(policy, this.#machine);
    const crew = this.#pool.crew(this.#owner, station.world, () =>
      helperRecipe(station, this.#machine),
    );
    const made = { ...station, crew };
    this.#stations.set(key, made);
    return made;
  }
}

function meaningOf(sandbox: Sandbox, machine: SandboxMachine): Meaning {
  const policy = policyOf(sandbox, machine.surroundings);
  return {
    policy,
    key: JSON.stringify(policy),
    readsAll: readsEverything(policy),
    writesAll: writesEverything(policy),
    lacksCwd: needsCwd(sandbox) && !hasCwd(sandbox),
  };
}

function handleIdOf(params: unknown): string {
  return (params as { handleId: string }).handleId;
}
