/**
 * The one lane in which processes are started, one at a time. A process inherits its tag, a soft
 * limit that Linux keeps but has not enforced since 2.4, from this process; limits belong to the
 * whole process, so only one start may be under way. It runs on a thread of the pool: the event
 * loop does not wait for exec.
 */
import { Buffer } from "node:buffer";
import { PatientTimer } from "../../../../async/patient-timer.ts";
import { launchesMax, launchStallMs, turnsBetweenStarts } from "../../../../limits.ts";
import { type Libc, native } from "../../libc/libc.ts";
import { opaqueBytes } from "../../libc/spawning.ts";
import { OomScore } from "../descendants/oom-score.ts";
import type { FileAction } from "./stdio.ts";

export interface Launch {
  readonly path: string | Buffer;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | Buffer;
  readonly actions: readonly FileAction[];
  /**
   * The soft limit that marks the process and its descendants; undefined where it cannot be set.
   */
  readonly tag: bigint | undefined;
}

/** `errno` is 0 for success. A process that was started beside a stalled launch has no tag. */
export interface Launched<L extends Launch = Launch> {
  readonly launch: L;
  readonly errno: number;
  readonly pid: number;
  readonly isTagged: boolean;
}

let sharedLane: LaunchLane | undefined;

/** All spawners of this process use one lane, as they share its limits. */
export function launchLane(libc: Libc): LaunchLane {
  sharedLane ??= new LaunchLane(libc);
  return sharedLane;
}

export class LaunchLane {
  readonly #libc: Libc;
  readonly #attributes: Buffer;
  readonly #waiting: (() => void)[] = [];
  readonly #limits = new BigUint64Array(2);
  readonly #oomScore = new OomScore();
  #underWay = 0;
  /** The number of launches under way that hang. */
  #stalled = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#attributes = cleanSignalAttributes(libc);
    libc.prlimit(0, native.RLIMIT_LOCKS, null, this.#limits);
  }

  /** The limits of untagged processes; `hard` bounds the tags. */
  get untagged(): { readonly soft: bigint; readonly hard: bigint } {
    return { soft: this.#limits[0] ?? 0n, hard: this.#limits[1] ?? 0n };
  }

  /** `prepare` is called when the launch begins, so that waiting ones need no descriptors. */
  launch<L extends Launch>(prepare: () => L): Promise<Launched<L>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          this.#start(prepare(), resolve);
        } catch (thrown) {
          reject(thrown);
        }
      });
      this.#next();
    });
  }

  /** Begins launches while it may; one whose `prepare` throws makes way for the next. */
  #next(): void {
    while (this.#underWay < (this.#stalled > 0 ? launchesMax : 1)) {
      const begin = this.#waiting.shift();
      if (!begin) return;
      begin();
    }
  }

  #nextAfter(turns: number): void {
    setImmediate(() => (turns > 1 ? this.#nextAfter(turns - 1) : this.#next()));
  }

  #start<L extends Launch>(launch: L, resolve: (launched: Launched<L>) => void): void {
    const isTagged = launch.tag !== undefined && this.#underWay === 0;
    // The callback refers to it, so it is not collected while exec reads it.
    const memory = {
      pid: new Int32Array(1),
      path: terminated(launch.path),
      actions: fileActions(this.#libc, launch),
      attributes: this.#attributes,
      argv: packStrings(this.#libc, launch.argv),
      env: packStrings(this.#libc, Object.entries(launch.env).map(assignment)),
    };
    let isStalled = false;
    const stall = new PatientTimer(launchStallMs, () => {
      isStalled = true;
      this.#passStalled();
    });
    this.#underWay++;
    if (isTagged) this.#setSoftLimit(launch.tag);
    this.#oomScore.raise();
    this.#libc.posix_spawn(memory, (errno) => {
      stall.stop();
      this.#underWay--;
      if (isStalled) this.#stalled--;
      this.#setSoftLimit(this.untagged.soft);
      this.#oomScore.restore();
      this.#libc.spawnFileActions.destroy(memory.actions);
      if (this.#waiting.length > 0) this.#nextAfter(turnsBetweenStarts);
      resolve({ launch, errno, pid: memory.pid[0] ?? 0, isTagged });
    });
  }

  /** A dead network mount can hold up exec for ever: other launches go on, without tags. */
  #passStalled(): void {
    this.#stalled++;
    this.#setSoftLimit(this.untagged.soft);
    this.#oomScore.restore();
    this.#next();
  }

  #setSoftLimit(soft: bigint | undefined): void {
    const { hard } = this.untagged;
    const limits = BigUint64Array.of(soft ?? hard, hard);
    this.#libc.prlimit(0, native.RLIMIT_LOCKS, limits, null);
  }
}

/**
 * Attributes that set every signal to its default, block none, and make a new session. All bits,
 * because `sigfillset` omits the two that glibc reserves, and glibc then starts processes that
 * ignore them.
 */
function cleanSignalAttributes(libc: Libc): Buffer {
  const attributes = Buffer.alloc(opaqueBytes);
  const { init, setSignalDefault, setSignalMask, setFlags } = libc.spawnAttributes;
  init(attributes);
  setSignalDefault(attributes, Buffer.alloc(opaqueBytes).fill(0xff, 0, 8));
  setSignalMask(attributes, Buffer.alloc(opaqueBytes));
  setFlags(
    attributes,
    native.POSIX_SPAWN_SETSIGDEF | native.POSIX_SPAWN_SETSIGMASK | native.POSIX_SPAWN_SETSID,
  );
  return attributes;
}

/** In this order: connect the streams, close other descriptors, enter the working directory. */
function fileActions(libc: Libc, { actions, cwd }: Launch): Buffer {
  const { init, addOpen, addDup2, addCloseFrom, addChdir } = libc.spawnFileActions;
  const list = Buffer.alloc(opaqueBytes);
  init(list);
  for (const action of actions) {
    if (action.kind === "open") addOpen(list, action.target, action.path, action.flags, 0);
    else addDup2(list, action.source, action.target);
  }
  addCloseFrom?.(list, Math.max(...actions.map((action) => action.target)) + 1);
  addChdir(list, terminated(cwd));
  return list;
}

function assignment([name, value]: [string, string]): string {
  return `${name}=${value}`;
}

/** A null-terminated table of pointers, followed by its strings, in one buffer. */
function packStrings(libc: Libc, strings: readonly string[]): Buffer {
  const text = strings.map((string) => `${string}\0`).join("");
  const tableBytes = (strings.length + 1) * BigUint64Array.BYTES_PER_ELEMENT;
  const packed = Buffer.allocUnsafeSlow(tableBytes + Buffer.byteLength(text));
  packed.write(text, tableBytes);
  const base = libc.address(packed);
  const table = new BigUint64Array(packed.buffer, 0, strings.length + 1);
  let at = tableBytes;
  for (let index = 0; index < strings.length; index++) {
    table[index] = base + BigInt(at);
    at = packed.indexOf(0, at) + 1;
  }
  table[strings.length] = 0n;
  return packed;
}

function terminated(path: string | Buffer): Buffer {
  return Buffer.concat([typeof path === "string" ? Buffer.from(path) : path, Buffer.alloc(1)]);
}
