import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import { auditTailBytes } from "../limits.ts";
import { type ChainEnd, chainStart, followLine } from "../server/watch/audit-chain.ts";
import { isTearOf } from "../server/watch/audit-tear.ts";
import { print } from "./print.ts";

/** `codex exec-server audit verify`: follows the chain from the first line to the last. */
export async function runAuditVerify(file: string, flags: { readonly last?: string }) {
  try {
    const { end, tears } = await followFile(file);
    refuseOtherEnd(end, flags.last);
    const whole = `${end.lines} lines, chain unbroken, last hash ${end.hash}`;
    print([...tears, whole].map((finding) => `${file}: ${finding}\n`).join(""));
  } catch (error) {
    process.stderr.write(`Error: ${file}: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

/** Lines that break the chain, until the next valid line tells that they are a torn piece. */
interface Doubtful {
  readonly complaint: string;
  readonly lines: Buffer[];
  /** Including the line feeds between them. */
  length: number;
}

/** Returns the end of the chain, and where each torn piece is. */
async function followFile(file: string): Promise<{ end: ChainEnd; tears: string[] }> {
  const tears: string[] = [];
  let end = chainStart;
  let doubtful: Doubtful | undefined;
  for await (const line of linesOf(file)) {
    const text = line.toString();
    const next = followLine(end, text);
    if (typeof next === "string") {
      doubtful = withLine(doubtful, line, `line ${end.lines + 1} ${next}`);
      continue;
    }
    if (doubtful && !isTearOf(bytesOf(doubtful), text)) throw new Error(doubtful.complaint);
    if (doubtful) tears.push(tornPiece(doubtful, end));
    doubtful = undefined;
    end = next;
  }
  if (doubtful) throw new Error(doubtful.complaint);
  return { end, tears };
}

/** A torn piece can contain line feeds, but is never long. */
function withLine(before: Doubtful | undefined, line: Buffer, complaint: string): Doubtful {
  if (before === undefined) return { complaint, lines: [line], length: line.length };
  before.lines.push(line);
  before.length += 1 + line.length;
  if (before.length > auditTailBytes) throw new Error(before.complaint);
  return before;
}

/** Joined only once: joining for each line would take quadratic time. */
const bytesOf = ({ lines }: Doubtful) =>
  Buffer.concat(lines.flatMap((line, at) => (at === 0 ? [line] : [lineFeed, line])));

const lineFeed = Buffer.from("\n");

const tornPiece = ({ length }: Doubtful, { lines }: ChainEnd) =>
  `${length} bytes behind line ${lines} were torn off by a crash or a full disk, ` +
  `as line ${lines + 1} tells`;

/** Splits at line feeds only; readline would also split at other separators within texts. */
async function* linesOf(file: string): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const part of createReadStream(file)) {
    const bytes = Buffer.concat([rest, part]);
    let start = 0;
    for (let end = bytes.indexOf("\n"); end >= 0; end = bytes.indexOf("\n", start)) {
      yield bytes.subarray(start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length <= auditTailBytes) continue;
    // No valid line is that long, and collecting it could take unlimited memory.
    yield rest;
    rest = Buffer.alloc(0);
  }
  if (rest.length > 0) throw new Error("the last line is cut off");
}

function refuseOtherEnd({ hash, lines }: ChainEnd, last: string | undefined): void {
  if (last === undefined || last.toLowerCase() === hash) return;
  throw new Error(
    `the last line, ${lines}, has hash ${hash} and not ${last}: lines are missing or new`,
  );
}
