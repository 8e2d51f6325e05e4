import { createHash } from "node:crypto";

/** The fields of an entry: ids, paths and outcomes, never arguments, variables or contents. */
export type AuditFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** The end of a chain, on which the next line builds. */
export interface ChainEnd {
  readonly lines: number;
  readonly hash: string;
}

/** The predecessor of the first line of a chain. */
export const chainStart: ChainEnd = { lines: 0, hash: "0".repeat(64) };

/**
 * Makes the next line of a chain: JSON that ends with the SHA-256 of the previous line's hash and
 * of its own text before. A line that is changed, inserted, removed or moved breaks the chain
 * there; lines cut off at the end do not, which only a hash that was kept elsewhere can show.
 */
export function nextLine(previous: ChainEnd, fields: AuditFields): ChainEnd & { text: string } {
  const number = previous.lines + 1;
  const body = JSON.stringify({ line: number, ...fields }).slice(0, -1);
  const hash = hashOf(previous.hash, body);
  return { lines: number, hash, text: `${body}${hashMember}${hash}"}` };
}

const hashMember = ',"hash":"';
const ending = /^(.*),"hash":"([0-9a-f]{64})"\}$/s;

const hashOf = (previousHash: string, body: string) =>
  createHash("sha256").update(previousHash).update(body).digest("hex");

/** Follows the chain over one more line; returns a text that says why it is broken there. */
export function followLine(previous: ChainEnd, text: string): ChainEnd | string {
  const [, body, hash] = ending.exec(text) ?? [];
  if (body === undefined || hash === undefined) return "is not a line of an audit log";
  if (hashOf(previous.hash, body) !== hash) {
    return "does not follow from the line before: one of the two was changed, moved or removed";
  }
  return { lines: previous.lines + 1, hash };
}

/** The end of the chain as its last line states it, without checking earlier lines. */
export function chainEndOf(lastLine: string): ChainEnd | undefined {
  const [, , hash] = ending.exec(lastLine) ?? [];
  const [, number] = /^\{"line":(\d+),/.exec(lastLine) ?? [];
  return hash && number ? { lines: Number(number), hash } : undefined;
}
