/** Certificates, keys and secrets: files of an operator, who can have named any other file. */
import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { pipeLookMs, smallFileBytesMax } from "../limits.ts";

/**
 * The content of a file, or of a pipe such as a shell's `<(pass show token)`. Anything else, and
 * what is larger than it can sensibly be, is refused, so that the server neither waits nor reads
 * for ever. Throws an Error whose message goes on behind `PATH: `.
 */
export async function readSmallFile(path: string): Promise<Buffer> {
  // A pipe that nobody writes to would hold up the start already when it is opened.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    refuseUnreadable(stats);
    const content = await wholeContent(file);
    if (stats.isFIFO() && content.length === 0) throw new Error("nobody writes into this pipe");
    return content;
  } finally {
    closeSync(file);
  }
}

function refuseUnreadable(stats: Stats): void {
  if (stats.isDirectory()) throw new Error("it is a directory");
  if (!stats.isFile() && !stats.isFIFO()) throw new Error("it is neither a file nor a pipe");
}

async function wholeContent(file: number): Promise<Buffer> {
  const room = Buffer.alloc(smallFileBytesMax + 1);
  for (let filled = 0; filled < room.length; ) {
    const count = await readSome(file, room.subarray(filled));
    if (count === 0) return room.subarray(0, filled);
    filled += count;
  }
  throw tooLarge();
}

/** Waits for the writer of a pipe, who may be asking for a passphrase. */
async function readSome(file: number, room: Buffer): Promise<number> {
  for (;;) {
    try {
      return readSync(file, room);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await setTimeout(pipeLookMs);
    }
  }
}

const tooLarge = () => new Error(`it is larger than ${smallFileBytesMax} bytes`);
