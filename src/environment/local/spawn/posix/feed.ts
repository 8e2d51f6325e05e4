import { constants as system } from "node:os";
import { deferred } from "../../../../async/deferred.ts";
import { type Libc, native } from "../../libc/libc.ts";
import type { Feed } from "../start/spawner.ts";
import { systemFailure } from "../start/start-failure.ts";
import type { Poller, Watch } from "./poller.ts";

/** Our end of the pipe, which holds the head, and the rest if it is known. */
export interface FeedPlan {
  readonly fd: number;
  readonly rest: Uint8Array | undefined;
}

const nothing = new Uint8Array();

/**
 * A pipe of this size is full as soon as it holds one page, however few bytes that has: the kernel
 * reports it as writable when the process has read the head. A write within a page is never split,
 * so that no process sees only a part of the rest.
 */
const pipeBytes = 4096;

/** Writes the head into the empty pipe. Throws a SpawnError. */
export function fillHead(libc: Libc, fd: number, head: Uint8Array): void {
  if (head.length === 0) return;
  libc.fcntl(fd, native.F_SETPIPE_SZ, "int", pipeBytes);
  if (libc.write(fd, head, head.length) === head.length) return;
  throw systemFailure(libc.errno(), "no pipe for the process");
}

export class PosixFeed implements Feed {
  readonly begun: Promise<void>;
  readonly #libc: Libc;
  readonly #plan: FeedPlan;
  readonly #watch: Watch;
  #left: Uint8Array | undefined;
  #isClosed = false;

  constructor({ libc, poller, plan }: { libc: Libc; poller: Poller; plan: FeedPlan }) {
    this.#libc = libc;
    this.#plan = plan;
    const begun = deferred<void>();
    this.begun = begun.promise;
    const onChange = () => {
      this.#watch.want("write", false);
      begun.resolve();
      if (this.#left) this.#write(this.#left);
    };
    this.#watch = poller.watch(plan.fd, { writable: onChange, hungUp: onChange });
    if (plan.rest) this.#watch.want("write", true);
  }

  finish(rest = this.#plan.rest ?? nothing): void {
    if (!this.#isClosed) this.#write(rest);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    this.#libc.close(this.#plan.fd);
  }

  /** Bytes that do not fit into the pipe wait until there is room. */
  #write(bytes: Uint8Array): void {
    const count = this.#libc.write(this.#plan.fd, bytes, bytes.length);
    const isFull = count < 0 && this.#libc.errno() === system.errno.EAGAIN;
    this.#left = isFull ? bytes : count < 0 ? nothing : bytes.subarray(count);
    if (this.#left.length > 0) this.#watch.want("write", true);
    // Also when no process reads any more; its exit tells why.
    else this.close();
  }
}
