/**
 * What is kept of a write that is under way, so that somebody else can finish it. Records begin
 * with a word that says how long they are and is written last, in one call within one page: of such
 * a call the kernel does all or nothing, also when the process is killed during it. A record
 * without its word is none.
 */
import { Buffer } from "node:buffer";
import type { HostPath } from "../../../protocol/path-uri.ts";

/** Where the content of a write belongs. */
export interface WriteEntry {
  /** Without links. */
  readonly path: HostPath;
  /** Numbers of the file, or of the directory in which it is made, in decimal. */
  readonly device: string;
  readonly inode: string;
  /** Bytes that the file had; absent for one that is made. */
  readonly oldSize?: number;
}

export interface RecordLengths {
  readonly entryBytes: number;
  readonly contentBytes: number;
}

/** The smallest page of any machine that Node runs on. */
export const pageBytes = 4096;
/** Where the entry lies; the content lies behind it. */
export const wordBytes = 32;
export const noWord = Buffer.alloc(wordBytes);
const wordForm = /^write1 (\d{8}) (\d{15})\n$/;

export function packWord({ entryBytes, contentBytes }: RecordLengths): Buffer {
  const digits = (count: number, width: number) => `${count}`.padStart(width, "0");
  return Buffer.from(`write1 ${digits(entryBytes, 8)} ${digits(contentBytes, 15)}\n`, "latin1");
}

/** Undefined when there is no record, or not all of it. */
export function readWord(word: Buffer): RecordLengths | undefined {
  const [, entryBytes, contentBytes] = wordForm.exec(word.toString("latin1")) ?? [];
  if (entryBytes === undefined || contentBytes === undefined) return undefined;
  return { entryBytes: Number(entryBytes), contentBytes: Number(contentBytes) };
}

export function packEntry(entry: WriteEntry): Buffer {
  return Buffer.from(JSON.stringify(entry), "latin1");
}

/** Throws when it is not what `packEntry` makes: a slip that was lent can hold anything. */
export function unpackEntry(packed: Buffer): WriteEntry {
  const { path, device, inode, oldSize } = JSON.parse(packed.toString("latin1"));
  const isPath = typeof path === "string" && path.startsWith("/") && !path.includes("\0");
  const isSize = oldSize === undefined || Number.isSafeInteger(oldSize);
  if (!isPath || !isSize) throw new Error("a record of a write names no file");
  return { path: path as HostPath, device, inode, ...(oldSize !== undefined && { oldSize }) };
}
