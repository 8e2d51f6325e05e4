import { Buffer, constants } from "node:buffer";
import { procFileChunkBytes, readFileBytesMax } from "../../../limits.ts";
import { invalidRequest } from "../../../protocol/errors.ts";
import { hostPath } from "../../../protocol/path-uri.ts";
import type { FileSystem } from "../../file-system.ts";
import { dropFile, readAt } from "./file-calls.ts";
import { atPlace } from "./no-follow.ts";
import { openForReading } from "./open-file.ts";

/** More bytes than this have no base64 text that the JavaScript engine could hold. */
const base64BytesMax = Math.floor(constants.MAX_STRING_LENGTH / 4) * 3;

export const readFile: FileSystem["readFile"] = (params) =>
  atPlace(params, async (path, noFollow) => {
    const file = await openForReading({ path, flags: noFollow, named: hostPath(params.path) });
    try {
      const content = await readWhole(file.fd, file.stats.size);
      return { dataBase64: content.toString("base64") };
    } finally {
      dropFile(file.fd);
    }
  });

async function readWhole(fd: number, size: number): Promise<Buffer> {
  refuseLarge(size);
  return size > 0 ? readSized(fd, size) : readToEnd(fd);
}

/** No read is spent on finding the end: a file that grows meanwhile is given as it was. */
async function readSized(fd: number, size: number): Promise<Buffer> {
  const content = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const count = await readAt(fd, content.subarray(length), length);
    if (count === 0) break;
    length += count;
  }
  return content.subarray(0, length);
}

/** Files of procfs say that they are empty, and give their content in pieces. */
async function readToEnd(fd: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let length = 0; ; ) {
    const piece = Buffer.allocUnsafe(procFileChunkBytes);
    const count = await readAt(fd, piece, null);
    if (count === 0) return Buffer.concat(pieces);
    length += count;
    refuseLarge(length);
    pieces.push(piece.subarray(0, count));
  }
}

function refuseLarge(size: number): void {
  if (size > readFileBytesMax) {
    throw invalidRequest(`file is too large to read: limit is ${readFileBytesMax} bytes`);
  }
  if (size > base64BytesMax) {
    throw invalidRequest(
      `file is too large to read: limit is ${base64BytesMax} bytes, use fs/open and fs/readBlock`,
    );
  }
}
