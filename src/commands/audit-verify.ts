import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import { auditTailBytes } from "../limits.ts";
import { type ChainEnd, chainStart, followLine } from "../server/audit-chain.ts";
import { isTearOf } from "../server/audit-tear.ts";
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

/** What does not follow, until the next line that does tells what it is. */
interface Doubtful {
  readonly complaint: string;
  readonly lines: Buffer[];
  /** With the line feeds between them. */
  length: number;
}

/** Gives the end of the chain, and says of each torn piece where it is. */
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

/** A torn piece can hold what looks like the ends of lines, but is never long. */
function withLine(before: Doubtful | undefined, line: Buffer, complaint: string): Doubtful {
  if (before === undefined) return { complaint, lines: [line], length: line.length };
  before.lines.push(line);
  before.length += 1 + line.length;
  if (before.length > auditTailBytes) throw new Error(before.complaint);
  return before;
}

/** Put together once: for each line anew it would take the square of their number. */
const bytesOf = ({ lines }: Doubtful) =>
  Buffer.concat(lines.flatMap((line, at) => (at === 0 ? [line] : [lineFeed, line])));

const lineFeed = Buffer.from("\n");

const tornPiece = ({ length }: Doubtful, { lines }: ChainEnd) =>
  `${length} bytes behind line ${lines} were torn off by a crash or a full disk, ` +
  `as line ${lines + 1} tells`;

/** Only a line feed ends a line here; readline would also cut at separators inside of texts. */
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
    // So long is no line; to gather it would take time and memory without end.
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
