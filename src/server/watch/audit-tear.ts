/**
 * A server that dies in the middle of a write, a machine that loses its power, or a full disk
 * leaves a last line without its end. The audit log is not changed for that: the next line, which
 * builds on the last whole one, tells how long the torn piece is and what its SHA-256 is.
 */
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type AuditFields, type ChainEnd, chainEndOf, chainStart } from "./audit-chain.ts";

export const tearEvent = "line-torn";

export interface AuditEnd {
  readonly end: ChainEnd;
  /** The bytes after the last complete line. */
  readonly behind: Buffer;
}

/**
 * The end of the chain as the tail of a file shows it. Undefined when it shows no line of a chain,
 * or when whole lines of something else stand behind the last one.
 */
export function auditEndIn(tail: Buffer, isWholeFile: boolean): AuditEnd | undefined {
  for (let end = tail.lastIndexOf(lineFeed); end >= 0; end = lineFeedBefore(tail, end)) {
    const start = lineFeedBefore(tail, end) + 1;
    const last = chainEndOf(tail.toString("utf8", start, end));
    if (last) return withTorn(last, tail.subarray(end + 1));
  }
  if (!isWholeFile || !startsLikeAFirstLine(tail)) return undefined;
  return withTorn(chainStart, tail);
}

/** The fields by which the next line describes a torn piece. */
export const tearOf = (torn: Buffer): AuditFields => ({
  tornBytes: torn.length,
  tornSha256: createHash("sha256").update(torn).digest("hex"),
});

/** Whether a line of the chain describes this torn piece. */
export function isTearOf(torn: Buffer, text: string): boolean {
  const { event, tornBytes, tornSha256 }: AuditFields = JSON.parse(text);
  const { tornBytes: bytes, tornSha256: hash } = tearOf(torn);
  return event === tearEvent && tornBytes === bytes && tornSha256 === hash;
}

const lineFeed = 0x0a;

function lineFeedBefore(tail: Buffer, at: number): number {
  return at === 0 ? -1 : tail.lastIndexOf(lineFeed, at - 1);
}

/** Complete lines behind the chain are no torn piece: another program wrote them. */
function withTorn(end: ChainEnd, behind: Buffer): AuditEnd | undefined {
  return behind.at(-1) === lineFeed ? undefined : { end, behind };
}

/**
 * Whether the file may be an audit log with a torn first line: any file can be named by mistake.
 */
function startsLikeAFirstLine(whole: Buffer): boolean {
  const start = '{"line":1,"time":"';
  const text = whole.toString("latin1", 0, start.length);
  return start.startsWith(text);
}
