/**
 * A seal tells a server's journal from one that a sandboxed process, with the same user, has put in
 * its place. It is a file in the folder that only a process with the secret could make, and holds
 * for this one directory: a reused inode has another time of birth.
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { constants, lstatSync, writeFileSync } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { join } from "node:path";

export const sealName = "seal";

/** Seals a folder with each secret: a later finisher may know only one of them. */
export function seal(folder: string, secrets: readonly Buffer[]): void {
  const identity = identityOf(folder);
  const lines = secrets.map((secret) => `${proof(secret, identity)}\n`);
  writeFileSync(join(folder, sealName), lines.join(""), { flag: "wx", mode: 0o400 });
}

/**
 * Whether one of the secrets sealed the folder. Follows no link and never blocks, because the file
 * may be anyone's.
 */
export async function isSealed(folder: string, secrets: readonly Buffer[]): Promise<boolean> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const path = join(folder, sealName);
  try {
    const identity = described(await lstat(folder, { bigint: true }));
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(sealBytesMax), 0, sealBytesMax, 0);
      const lines = buffer.toString("latin1", 0, bytesRead).split("\n");
      return secrets.some((secret) => lines.includes(proof(secret, identity)));
    } finally {
      await file.close();
    }
  } catch {
    // It is no folder, or has no seal.
    return false;
  }
}

/** Identifies a directory by device, inode and time of birth. Empty when there is none. */
export function identityOf(folder: string): string {
  const stats = lstatSync(folder, { bigint: true, throwIfNoEntry: false });
  return stats?.isDirectory() ? described(stats) : "";
}

interface Identified {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly birthtimeNs: bigint;
}

const described = ({ dev, ino, birthtimeNs }: Identified) => `${dev}:${ino}:${birthtimeNs}`;

/** Two lines of 64 hexadecimal digits. */
const sealBytesMax = 2 * 65;

const proof = (secret: Buffer, identity: string) =>
  createHmac("sha256", secret).update(identity).digest("hex");
