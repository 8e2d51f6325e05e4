/**
 * A secret of this user that outlives every server, until the machine starts again. It is memory of
 * the kernel (System V), because on the disk there is no place for it: a policy may grant any, and
 * what keeps those who are confined from one goes with the directory when somebody removes that.
 * This memory belongs to an IPC namespace, and every sandbox has one of its own.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { secretFillMs } from "../../../limits.ts";
import { askedOnce } from "../../../sandbox/asked-once.ts";
import { type Libc, loadLibc } from "../spawn/posix-libc.ts";
import { sharedMemoryFlags } from "../spawn/posix-shared-memory.ts";

const secretBytes = 32;
/** Behind the secret: that all of it is there. */
const filled = 1;

const lasting = askedOnce(async () => {
  const secret = await secretBy(await loadLibc());
  if (secret === undefined) throw new Error("the system has no memory that outlives a server");
  return secret;
});

/**
 * Undefined where the system has no such memory, where procfs does not say whose it is, or without
 * the native module: then what is known of this process's own secret has to do. Looked for again by
 * the next one who asks.
 */
export async function machineSecret(): Promise<Buffer | undefined> {
  return process.platform === "linux" ? lasting().catch(none) : undefined;
}

const none = () => undefined;

async function secretBy(libc: Libc): Promise<Buffer | undefined> {
  const { create, exclusively } = sharedMemoryFlags;
  const get = (flags: number) => libc.shmget(ownKey(), secretBytes + 1, flags | 0o600);
  const made = get(create | exclusively);
  const id = made === -1 ? get(0) : made;
  if (id === -1 || !isOurs(id)) return undefined;
  const address = libc.shmat(id, 0, 0);
  if (Number(address) === -1) return undefined;
  try {
    if (made !== -1) fill(libc, address);
    const secret = read(libc, address);
    if (secret) return secret;
    await setTimeout(secretFillMs);
    // Whoever made it has died before it had done this.
    if (!read(libc, address)) fill(libc, address);
    return read(libc, address);
  } finally {
    libc.shmdt(address);
  }
}

function fill(libc: Libc, address: number | bigint): void {
  const bytes = Buffer.concat([randomBytes(secretBytes), Buffer.of(filled)]);
  libc.copyTo(address, bytes, bytes.length);
}

/** Undefined while it is not there yet. */
function read(libc: Libc, address: number | bigint): Buffer | undefined {
  const bytes = Buffer.alloc(secretBytes + 1);
  libc.copyFrom(bytes, address, bytes.length);
  return bytes[secretBytes] === filled ? bytes.subarray(0, secretBytes) : undefined;
}

/** Any number does that nobody else takes; users do not share one. */
const ownKey = () => (0x63_6a_00_00 + (process.getuid?.() ?? 0)) | 0;

/** Somebody else could have made it under this number, to know what is in it. */
function isOurs(id: number): boolean {
  const uid = `${process.getuid?.() ?? 0}`;
  return readFileSync("/proc/sysvipc/shm", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/ +/))
    .some(([, shmid, mode, , , , , owner, , maker]) => {
      return shmid === `${id}` && mode === "600" && owner === uid && maker === uid;
    });
}
