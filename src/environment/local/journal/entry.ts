/**
 * The format of journal records, by which another process can finish a write. A record begins with
 * a header that holds its lengths and is written last, in one call within one page: the kernel does
 * such a call entirely or not at all, even if the process is killed during it. Without a header
 * there is no record.
 */
import { Buffer } from "node:buffer";
import type { HostPath } from "../../../protocol/path-uri.ts";

/** The target of a write. */
export interface WriteEntry {
  /** Absolute, without symbolic links. */
  readonly path: HostPath;
  /** Of the file, or of the directory in which it is created, in decimal. */
  readonly device: string;
  readonly inode: string;
  /** Size before the write, in bytes; absent for a new file. */
  readonly oldSize?: number;
}

export interface RecordLengths {
  readonly entryBytes: number;
  readonly contentBytes: number;
}

/** The smallest page size of the machines that Node runs on, in bytes. */
export const pageBytes = 4096;
/** Size of the header, in bytes. The entry follows, then the content. */
export const headerBytes = 32;
export const noHeader = Buffer.alloc(headerBytes);
const headerForm = /^write1 (\d{8}) (\d{15})\n$/;

export function packHeader({ entryBytes, contentBytes }: RecordLengths): Buffer {
  const digits = (count: number, width: number) => `${count}`.padStart(width, "0");
  return Buffer.from(`write1 ${digits(entryBytes, 8)} ${digits(contentBytes, 15)}\n`, "latin1");
}

/** Undefined when there is no complete header. */
export function readHeader(header: Buffer): RecordLengths | undefined {
  const [, entryBytes, contentBytes] = headerForm.exec(header.toString("latin1")) ?? [];
  if (entryBytes === undefined || contentBytes === undefined) return undefined;
  return { entryBytes: Number(entryBytes), contentBytes: Number(contentBytes) };
}

export function packEntry(entry: WriteEntry): Buffer {
  return Buffer.from(JSON.stringify(entry), "latin1");
}

/** Throws when it names no absolute path or no valid size: a lent slip can hold anything. */
export function unpackEntry(packed: Buffer): WriteEntry {
  const { path, device, inode, oldSize } = JSON.parse(packed.toString("latin1"));
  const isPath = typeof path === "string" && path.startsWith("/") && !path.includes("\0");
  const isSize = oldSize === undefined || Number.isSafeInteger(oldSize);
  if (!isPath || !isSize) throw new Error("a record of a write names no file");
  return { path: path as HostPath, device, inode, ...(oldSize !== undefined && { oldSize }) };
}
