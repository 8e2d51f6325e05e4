import { createReadStream } from "node:fs";
import { type ChainEnd, chainStart, followLine } from "../server/audit-chain.ts";

/** `codex exec-server audit verify`: follows the chain from the first line to the last. */
export async function runAuditVerify(file: string, flags: { readonly last?: string }) {
  try {
    const end = await followFile(file);
    refuseOtherEnd(end, flags.last);
    process.stdout.write(`${file}: ${end.lines} lines, chain unbroken, last hash ${end.hash}\n`);
  } catch (error) {
    process.stderr.write(`Error: ${file}: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

async function followFile(file: string): Promise<ChainEnd> {
  let end = chainStart;
  for await (const text of linesOf(file)) {
    const next = followLine(end, text);
    if (typeof next === "string") throw new Error(`line ${end.lines + 1} ${next}`);
    end = next;
  }
  return end;
}

/** Only a line feed ends a line here; readline would also cut at separators inside of texts. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const part of createReadStream(file, "utf8")) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") throw new Error("the last line is cut off");
}

function refuseOtherEnd({ hash, lines }: ChainEnd, last: string | undefined): void {
  if (last === undefined || last.toLowerCase() === hash) return;
  throw new Error(
    `the last line, ${lines}, has hash ${hash} and not ${last}: lines are missing or new`,
  );
}
