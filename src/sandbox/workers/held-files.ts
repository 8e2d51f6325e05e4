/** The files that the workers of one connection hold open, by the ids that the client chose. */
import { fileBlockBytesMax } from "../../limits.ts";
import { notFound } from "../../protocol/errors.ts";
import type { Call, Method, Params, Result } from "../../protocol/methods.ts";
import type { HelperCrew } from "./helper-crew.ts";
import type { HelperWorker } from "./helper-worker.ts";

export interface Holder {
  readonly worker: HelperWorker;
  readonly crew: HelperCrew;
  /** The worker's answer to `fs/open`. */
  readonly opened: Result<"fs/open">;
}

export class HeldFiles {
  /** An id is taken from the moment of the request. */
  readonly #holders = new Map<string, Promise<Holder>>();
  /** The holders of files that are open. */
  readonly #open = new Map<string, Holder>();

  has(handleId: string): boolean {
    return this.#holders.has(handleId);
  }

  /**
   * How many files are open or being opened. Forgets those that were lost with their worker,
   * which a client may never ask for again.
   */
  count(): number {
    for (const [id, holder] of this.#open) if (holder.worker.isEnded) this.#forget(id, holder);
    return this.#holders.size;
  }

  async open(handleId: string, opening: Promise<Holder>): Promise<Result<"fs/open">> {
    this.#holders.set(handleId, opening);
    try {
      const holder = await opening;
      if (this.#holders.get(handleId) === opening) this.#open.set(handleId, holder);
      return holder.opened;
    } catch (error) {
      this.#holders.delete(handleId);
      throw error;
    }
  }

  /** Sends requests on open files to the workers that opened them. */
  readonly call: Call = async (method, params) => {
    const { handleId } = params as { handleId: string };
    const holder = await this.#holders.get(handleId)?.catch(notOpened);
    if (!holder) throw notFound(`unknown file handle \`${handleId}\``);
    let isClosed = method === "fs/close";
    try {
      return (await holder.worker.request(method, params)) as Result<typeof method>;
    } catch (error) {
      isClosed ||= closesByFailing(method, params);
      throw error;
    } finally {
      if (isClosed || holder.worker.isEnded) this.#forget(handleId, holder);
    }
  };

  /** Forgets all files. */
  clear(): void {
    this.#holders.clear();
    this.#open.clear();
  }

  #forget(handleId: string, holder: Holder): void {
    // Another file may have the id by now.
    if (this.#open.get(handleId) !== holder) return;
    const { worker, crew } = holder;
    this.#holders.delete(handleId);
    this.#open.delete(handleId);
    worker.handles.delete(handleId);
    crew.filesClosed(worker);
  }
}

/** The request that opens the file gets the error; for all others the id is unknown. */
const notOpened = () => undefined;

/** A read that fails closes the file, unless it was refused for its length. */
function closesByFailing(method: Method, params: unknown): boolean {
  if (method !== "fs/readBlock") return false;
  const { len } = params as Params<"fs/readBlock">;
  return len >= 1 && len <= fileBlockBytesMax;
}
