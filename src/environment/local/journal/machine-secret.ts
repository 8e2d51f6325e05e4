/**
 * A secret of this user that outlives every server, until the machine restarts. It lies in System V
 * shared memory, because no place on the disk is safe: a policy may grant any directory, and the
 * mounts that cover one in sandboxes go when it is removed. Such memory belongs to an IPC
 * namespace, and every sandbox has its own.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { askedOnce } from "../../../async/asked-once.ts";
import { secretFillMs } from "../../../limits.ts";
import { type Libc, loadLibc } from "../libc/libc.ts";
import { sharedMemoryFlags } from "../libc/shared-memory.ts";

const secretBytes = 32;
/** The last byte of the memory when the secret is complete. */
const filled = 1;

const lasting = askedOnce(async () => {
  const secret = await secretBy(await loadLibc());
  if (secret === undefined) throw new Error("the system has no memory that outlives a server");
  return secret;
});

/**
 * Returns the secret, and creates it if there is none. Undefined without System V memory, without a
 * procfs that tells its owner, or without the native module: then each server's own secret has to
 * do. The next call tries again.
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
    // Its creator died before it had filled it.
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

/** Undefined while the secret is incomplete. */
function read(libc: Libc, address: number | bigint): Buffer | undefined {
  const bytes = Buffer.alloc(secretBytes + 1);
  libc.copyFrom(bytes, address, bytes.length);
  return bytes[secretBytes] === filled ? bytes.subarray(0, secretBytes) : undefined;
}

/** An arbitrary number, different for each user. */
const ownKey = () => (0x63_6a_00_00 + (process.getuid?.() ?? 0)) | 0;

/** Refuses memory that another user has created under this key to know the secret. */
function isOurs(id: number): boolean {
  const uid = `${process.getuid?.() ?? 0}`;
  return readFileSync("/proc/sysvipc/shm", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/ +/))
    .some(([, shmid, mode, , , , , owner, , maker]) => {
      return shmid === `${id}` && mode === "600" && owner === uid && maker === uid;
    });
}
