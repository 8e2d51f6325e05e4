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
  /** What stands behind the last whole line; empty when nothing does. */
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

/** What the line behind a torn piece says of it. */
export const tearOf = (torn: Buffer): AuditFields => ({
  tornBytes: torn.length,
  tornSha256: createHash("sha256").update(torn).digest("hex"),
});

/** Whether a line of the chain tells of this torn piece. */
export function isTearOf(torn: Buffer, text: string): boolean {
  const { event, tornBytes, tornSha256 }: AuditFields = JSON.parse(text);
  const { tornBytes: bytes, tornSha256: hash } = tearOf(torn);
  return event === tearEvent && tornBytes === bytes && tornSha256 === hash;
}

const lineFeed = 0x0a;

function lineFeedBefore(tail: Buffer, at: number): number {
  return at === 0 ? -1 : tail.lastIndexOf(lineFeed, at - 1);
}

/** Somebody wrote whole lines: that is no tear, and not for us to go on with. */
function withTorn(end: ChainEnd, behind: Buffer): AuditEnd | undefined {
  return behind.at(-1) === lineFeed ? undefined : { end, behind };
}

/**
 * Any file may be named by mistake; only what can have been meant as an audit log is gone on with.
 */
function startsLikeAFirstLine(whole: Buffer): boolean {
  const start = '{"line":1,"time":"';
  const text = whole.toString("latin1", 0, start.length);
  return start.startsWith(text);
}
