import { Buffer } from "node:buffer";
import { procFileChunkBytes, readFileBytesMax } from "../../../limits.ts";
import { Base64Bytes } from "../../../protocol/base64.ts";
import { invalidRequest } from "../../../protocol/errors.ts";
import { hostPath } from "../../../protocol/path-uri.ts";
import type { FileAnswers } from "../../file-system.ts";
import { dropFile, readAt } from "./calls/file-calls.ts";
import { atPlace } from "./calls/no-follow.ts";
import { type Opening, openForReading } from "./calls/open-file.ts";
import { begin, type Steps, settled } from "./calls/steps.ts";

export const readFile: FileAnswers["readFile"] = (params) =>
  atPlace(params, (path, noFollow) =>
    begin(contentOf({ path, flags: noFollow, named: hostPath(params.path) })),
  );

function* contentOf(opening: Opening): Steps<{ dataBase64: Base64Bytes }> {
  const { fd, stats } = yield* settled(openForReading(opening));
  try {
    refuseLarge(stats.size);
    const content = yield* stats.size > 0 ? readSized(fd, stats.size) : readToEnd(fd);
    return { dataBase64: new Base64Bytes(content) };
  } finally {
    dropFile(fd);
  }
}

/**
 * Reads `size` bytes, without a further read to find the end: if the file grows meanwhile, the rest
 * is left out.
 */
function* readSized(fd: number, size: number): Steps<Buffer> {
  const content = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const count = yield* settled(readAt(fd, content.subarray(length), length));
    if (count === 0) break;
    length += count;
  }
  return content.subarray(0, length);
}

/** For files of procfs, which report a size of 0 and return their content in pieces. */
function* readToEnd(fd: number): Steps<Buffer> {
  const pieces: Buffer[] = [];
  for (let length = 0; ; ) {
    const piece = Buffer.allocUnsafe(procFileChunkBytes);
    const count = yield* settled(readAt(fd, piece, null));
    if (count === 0) return Buffer.concat(pieces);
    length += count;
    refuseLarge(length);
    pieces.push(piece.subarray(0, count));
  }
}

function refuseLarge(size: number): void {
  if (size <= readFileBytesMax) return;
  throw invalidRequest(
    `file is too large to read: limit is ${readFileBytesMax} bytes, use fs/open and fs/readBlock`,
  );
}
