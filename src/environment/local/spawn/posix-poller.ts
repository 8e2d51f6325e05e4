/**
 * One epoll descriptor holds everything we wait for, and one native handle watches it. The handle
 * is made once because its interface is unforgiving: an exception in the callback ends all events,
 * the same descriptor twice aborts the process, and the collector takes a handle that nobody holds.
 */
import { isMainThread } from "node:worker_threads";
import { closeOnExec, epollEventWords, type Libc, native, type PollHandle } from "./posix-libc.ts";
import { systemFailure } from "./start-failure.ts";

const eventsPerWake = 64;

export interface WatchHandlers {
  readable?: () => void;
  writable?: () => void;
  /** The other end is gone and nobody here is reading. */
  hungUp?: () => void;
}

/** `hangup` alone tells when the other end goes away, without anything being read or written. */
type Wish = "read" | "write" | "hangup";

/** One descriptor among those that are waited for. Wants nothing at first. */
export interface Watch {
  want(wish: Wish, on: boolean): void;
  /** Forgets the descriptor; whoever opened it closes it afterwards. */
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
  /** The end of a worker thread does not wait for a handle that is open: the program crashes. */
  readonly #closeAtExit = () => this.close();

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#epollFd = libc.epoll_create1(closeOnExec);
    if (this.#epollFd < 0) throw systemFailure(libc.errno(), "cannot wait for processes");
    this.#handle = libc.poll(this.#epollFd, () => this.#dispatch());
    this.#handle.unref();
    if (!isMainThread) process.once("exit", this.#closeAtExit);
  }

  /** A watch keeps the event loop alive until it is closed, unless it is one of the background. */
  watch(fd: number, handlers: WatchHandlers, life: "process" | "background" = "process"): Watch {
    const id = this.#newId();
    const wishes = new Set<Wish>();
    let registered: number | null = null;
    if (life === "process") this.#hold(+1);
    this.#watches.set(id, (events) => callReady(handlers, wishes, events));
    return {
      want: (wish, on) => {
        if (!this.#watches.has(id) || wishes.has(wish) === on) return;
        if (on) wishes.add(wish);
        else wishes.delete(wish);
        registered = this.#register({ fd, id, from: registered, to: eventsOf(wishes) });
      },
      close: () => {
        if (!this.#watches.delete(id)) return;
        if (life === "process") this.#hold(-1);
        registered = this.#register({ fd, id, from: registered, to: null });
      },
    };
  }

  /** From now on background watches hold the event loop too. */
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

/** Hang-up and error are reported even to who wants nothing: with no wish left we deregister. */
function eventsOf(wishes: ReadonlySet<Wish>): number | null {
  if (wishes.size === 0) return null;
  return (wishes.has("read") ? native.EPOLLIN : 0) | (wishes.has("write") ? native.EPOLLOUT : 0);
}

function callReady(handlers: WatchHandlers, wishes: ReadonlySet<Wish>, events: number): void {
  const isHungUp = (events & (native.EPOLLHUP | native.EPOLLERR)) !== 0;
  if (events & native.EPOLLOUT && wishes.has("write")) handlers.writable?.();
  if (wishes.has("read") && (isHungUp || events & native.EPOLLIN)) handlers.readable?.();
  else if (isHungUp && wishes.size > 0) handlers.hungUp?.();
}

function rethrow(thrown: unknown): never {
  throw thrown;
}
