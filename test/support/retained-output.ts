import { Buffer } from "node:buffer";
import type { Params, Result } from "../../src/protocol/methods.ts";

type Page = Omit<Params<"process/read">, "processId">;
type Answer = Pick<Result<"process/read">, "chunks" | "nextSeq" | "droppedBytes">;

/** Lines of numbers: a byte that is missing, doubled or at the wrong place is seen. */
export function numberedBytes(length: number): Buffer {
  let text = "";
  for (let line = 1; text.length < length; line++) text += `${line}\n`;
  return Buffer.from(text.slice(0, length));
}

/** Reads page by page what is retained, and how much is not. */
export async function readWhole(
  read: (page: Page) => Promise<Answer>,
  maxBytes = 1024 * 1024,
): Promise<{ bytes: Buffer; droppedBytes: number }> {
  const parts: Buffer[] = [];
  for (let afterSeq = 0; ; ) {
    const { chunks, nextSeq, droppedBytes = 0 } = await read({ afterSeq, maxBytes });
    if (chunks.length === 0) return { bytes: Buffer.concat(parts), droppedBytes };
    parts.push(...chunks.map(({ chunk }) => Buffer.from(chunk, "base64")));
    afterSeq = nextSeq - 1;
  }
}
