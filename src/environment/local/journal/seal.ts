/**
 * What tells the journal of a server from one that somebody who is confined has put in its place,
 * with the same user and in the same folder: a file in it that only who knows a secret could make,
 * and that is good for this one directory, because inodes that are used again have another birth.
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { constants, lstatSync, writeFileSync } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { join } from "node:path";

export const sealName = "seal";

/** With each of the secrets: who comes later may know only one of them. */
export function seal(folder: string, secrets: readonly Buffer[]): void {
  const identity = identityOf(folder);
  const lines = secrets.map((secret) => `${proof(secret, identity)}\n`);
  writeFileSync(join(folder, sealName), lines.join(""), { flag: "wx", mode: 0o400 });
}

/** Follows nothing, and waits for nothing: it may be anybody's. */
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
    // Nobody has sealed what has no such file, or is no folder.
    return false;
  }
}

/** Names this very directory. Empty when there is none. */
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

/** Of two secrets, in hexadecimal. */
const sealBytesMax = 2 * 65;

const proof = (secret: Buffer, identity: string) =>
  createHmac("sha256", secret).update(identity).digest("hex");
