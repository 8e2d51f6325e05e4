import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { loadLibc } from "./posix-libc.ts";

/**
 * Reads and writes past Node's streams, whose way to the same system calls is ten functions long:
 * that way a flood of output takes 8 % more of the processor. Whoever uses them leaves the rest to
 * the stream, which also tells what is wrong with the connection when nothing was moved.
 */
export interface SocketCalls {
  /** Gives the kernel what it takes at once of the first `length` bytes; tells how many it took. */
  readonly writeAtOnce: (socket: Socket, memory: Buffer, length: number) => number;
  /** Takes from the kernel what it has, as far as there is room for it; tells how many bytes. */
  readonly readAtOnce: (socket: Socket, room: Buffer) => number;
  /**
   * Lets the kernel take no more than so many bytes beyond those that are on their way: only what
   * it has not taken can still be overtaken.
   */
  readonly limitUnsent: (socket: Socket, bytes: number) => void;
}

/** Of Linux: `IPPROTO_TCP` and `TCP_NOTSENT_LOWAT`. */
const tcpLevel = 6;
const tcpNotSentLowWater = 25;

/** Without native functions all goes through the streams. */
const noCalls: SocketCalls = { writeAtOnce: () => 0, readAtOnce: () => 0, limitUnsent: () => {} };

export async function loadSocketCalls(): Promise<SocketCalls> {
  try {
    const { read, write, setsockopt } = await loadLibc();
    return {
      writeAtOnce(socket, memory, length) {
        // Others wait, that have to go out before.
        const fd = socket.writableLength > 0 ? -1 : plainDescriptor(socket);
        return fd < 0 ? 0 : Math.max(write(fd, memory, length), 0);
      },
      readAtOnce(socket, room) {
        const fd = plainDescriptor(socket);
        return fd < 0 ? 0 : Math.max(read(fd, room, room.length), 0);
      },
      limitUnsent(socket, bytes) {
        const value = Int32Array.of(bytes);
        // A kernel that does not know it takes as much as it likes, as without this call.
        setsockopt(descriptor(socket), tcpLevel, tcpNotSentLowWater, value, value.byteLength);
      },
    };
  } catch {
    return noCalls;
  }
}

/** Negative where bytes are encrypted on the way. */
function plainDescriptor(socket: Socket): number {
  return "encrypted" in socket ? -1 : descriptor(socket);
}

function descriptor(socket: Socket): number {
  // Not documented; where it is not there any more, there is only the way through the streams.
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}
