import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { loadLibc } from "./posix-libc.ts";

/** Gives the kernel what it takes at once of the first `length` bytes; tells how many it took. */
export type WriteAtOnce = (socket: Socket, memory: Buffer, length: number) => number;

/**
 * A write past Node's streams, whose way to the same system call is ten functions long: that way a
 * flood of output takes 8 % more of the processor. Whoever uses it gives the rest to
 * `socket.write`, which also tells what is wrong with the connection when nothing was taken.
 */
export async function writingAtOnce(): Promise<WriteAtOnce> {
  try {
    const { write } = await loadLibc();
    return (socket, memory, length) => {
      const fd = plainDescriptor(socket);
      return fd === undefined ? 0 : Math.max(write(fd, memory, length), 0);
    };
  } catch {
    // Without native functions all goes through the streams.
    return () => 0;
  }
}

/** Undefined where bytes are encrypted on the way, or others wait that have to go out before. */
function plainDescriptor(socket: Socket): number | undefined {
  if ("encrypted" in socket || socket.writableLength > 0) return undefined;
  // Not documented; where it is not there any more, there is only the way through the streams.
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
