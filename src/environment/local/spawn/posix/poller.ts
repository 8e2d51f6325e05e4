/**
 * One epoll descriptor holds everything that is waited for, and one native handle watches it. The
 * handle is made once because its interface is unforgiving: an exception in the callback ends all
 * events, watching a descriptor twice aborts the process, and a handle without references is
 * collected.
 */
import { isMainThread } from "node:worker_threads";
import {
  closeOnExec,
  epollEventWords,
  type Libc,
  native,
  type PollHandle,
} from "../../libc/libc.ts";
import { systemFailure } from "../start/start-failure.ts";

const eventsPerWake = 64;

export interface WatchHandlers {
  readable?: () => void;
  writable?: () => void;
  /** The other end was closed, and `read` is not wanted. */
  hungUp?: () => void;
}

/** `hangup` alone reports that the other end was closed, without reading or writing. */
type Interest = "read" | "write" | "hangup";

/** One descriptor in the epoll set. Wants nothing at first. */
export interface Watch {
  want(interest: Interest, on: boolean): void;
  /** Stops watching the descriptor, which its owner closes afterwards. */
  close(): void;
}

export class Poller {
  readonly #libc: Libc;
  readonly #epollFd: number;
  readonly #handle: PollHandle;
  readonly #ready = new Uint32Array(eventsPerWake * epollEventWords.size);
  readonly #watches = new Map<number, (events: number) => void>();
  #lastId = 0;
  #holding = 0;
  #isClosed = false;
  /** Needed in a worker thread, at whose end a handle that is open crashes the program. */
  readonly #closeAtExit = () => this.close();

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#epollFd = libc.epoll_create1(closeOnExec);
    if (this.#epollFd < 0) throw systemFailure(libc.errno(), "cannot wait for processes");
    this.#handle = libc.poll(this.#epollFd, () => this.#dispatch());
    this.#handle.unref();
    if (!isMainThread) process.once("exit", this.#closeAtExit);
  }

  /** A watch keeps the event loop alive until it is closed, unless its life is `background`. */
  watch(fd: number, handlers: WatchHandlers, life: "process" | "background" = "process"): Watch {
    const id = this.#newId();
    const interests = new Set<Interest>();
    let registered: number | null = null;
    if (life === "process") this.#hold(+1);
    this.#watches.set(id, (events) => callReady(handlers, interests, events));
    return {
      want: (interest, on) => {
        if (!this.#watches.has(id) || interests.has(interest) === on) return;
        if (on) interests.add(interest);
        else interests.delete(interest);
        registered = this.#register({ fd, id, from: registered, to: eventsOf(interests) });
      },
      close: () => {
        if (!this.#watches.delete(id)) return;
        if (life === "process") this.#hold(-1);
        registered = this.#register({ fd, id, from: registered, to: null });
      },
    };
  }

  /** From now on background watches keep the event loop alive, too. */
  keepLoopAlive(): void {
    this.#hold(+1);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    process.off("exit", this.#closeAtExit);
    this.#handle.close();
    this.#libc.close(this.#epollFd);
  }

  #newId(): number {
    this.#lastId = (this.#lastId + 1) >>> 0;
    return this.#watches.has(this.#lastId) ? this.#newId() : this.#lastId;
  }

  #hold(change: number): void {
    this.#holding += change;
    if (this.#isClosed) return;
    if (this.#holding > 0) this.#handle.ref();
    else this.#handle.unref();
  }

  #register(change: { fd: number; id: number; from: number | null; to: number | null }) {
    const { fd, id, from, to } = change;
    if (from === to || this.#isClosed) return to;
    const event = new Uint32Array(epollEventWords.size);
    event[0] = to ?? 0;
    event[epollEventWords.identity] = id;
    const operation =
      to === null
        ? native.EPOLL_CTL_DEL
        : from === null
          ? native.EPOLL_CTL_ADD
          : native.EPOLL_CTL_MOD;
    if (this.#libc.epoll_ctl(this.#epollFd, operation, fd, event) < 0) {
      throw systemFailure(this.#libc.errno(), "cannot wait for a process");
    }
    return to;
  }

  #dispatch(): void {
    const count = this.#libc.epoll_wait(this.#epollFd, this.#ready, eventsPerWake, 0);
    for (let index = 0; index < count; index++) {
      const at = index * epollEventWords.size;
      const ready = this.#watches.get(this.#ready[at + epollEventWords.identity] ?? 0);
      try {
        ready?.(this.#ready[at] ?? 0);
      } catch (thrown) {
        setImmediate(rethrow, thrown);
      }
    }
  }
}

/**
 * Null removes the descriptor from the set: epoll reports hang-ups and errors in any case, also
 * without interests.
 */
function eventsOf(interests: ReadonlySet<Interest>): number | null {
  if (interests.size === 0) return null;
  return (
    (interests.has("read") ? native.EPOLLIN : 0) | (interests.has("write") ? native.EPOLLOUT : 0)
  );
}

function callReady(
  handlers: WatchHandlers,
  interests: ReadonlySet<Interest>,
  events: number,
): void {
  const isHungUp = (events & (native.EPOLLHUP | native.EPOLLERR)) !== 0;
  if (events & native.EPOLLOUT && interests.has("write")) handlers.writable?.();
  if (interests.has("read") && (isHungUp || events & native.EPOLLIN)) handlers.readable?.();
  else if (isHungUp && interests.size > 0) handlers.hungUp?.();
}

function rethrow(thrown: unknown): never {
  throw thrown;
}
