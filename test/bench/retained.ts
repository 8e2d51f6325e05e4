import type { BenchClient } from "./client.ts";

interface Page {
  readonly chunks: readonly { readonly seq: number; readonly chunk: string }[];
}

/** Reads what a closed process has printed, page by page; gives the number of bytes. */
export async function readAll(client: BenchClient, processId: string): Promise<number> {
  let afterSeq = 0;
  let bytes = 0;
  for (;;) {
    const { chunks } = await client.call<Page>("process/read", { processId, afterSeq });
    const last = chunks.at(-1);
    if (!last) return bytes;
    afterSeq = last.seq;
    bytes += chunks.reduce((sum, { chunk }) => sum + Buffer.byteLength(chunk, "base64"), 0);
  }
}
