import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { libcIfAny } from "./libc.ts";

/**
 * Reads and writes sockets past Node's streams, whose longer way to the same system calls costs a
 * flood of output 8 % more CPU. What the kernel does not take or have goes by the stream, which
 * also reports errors of the connection.
 */
export interface SocketCalls {
  /** Writes what the kernel takes at once of the first `length` bytes; returns how many. */
  readonly writeAtOnce: (socket: Socket, memory: Buffer, length: number) => number;
  /** Reads what the kernel has, as far as it fits into `room`; returns how many bytes. */
  readonly readAtOnce: (socket: Socket, room: Buffer) => number;
  /**
   * Bounds the bytes that the kernel queues beyond those in flight: only bytes that it has not
   * taken can still be overtaken.
   */
  readonly limitUnsent: (socket: Socket, bytes: number) => void;
}

/** `IPPROTO_TCP` and `TCP_NOTSENT_LOWAT` of Linux. */
const tcpLevel = 6;
const tcpNotSentLowWater = 25;

/** Without native functions all bytes go through the streams. */
const noCalls: SocketCalls = { writeAtOnce: () => 0, readAtOnce: () => 0, limitUnsent: () => {} };

export async function loadSocketCalls(): Promise<SocketCalls> {
  const libc = await libcIfAny();
  if (!libc) return noCalls;
  const { read, write, setsockopt } = libc;
  return {
    writeAtOnce(socket, memory, length) {
      // Bytes that wait in the stream have to go out first.
      const fd = socket.writableLength > 0 ? -1 : plainDescriptor(socket);
      return fd < 0 ? 0 : Math.max(write(fd, memory, length), 0);
    },
    readAtOnce(socket, room) {
      const fd = plainDescriptor(socket);
      return fd < 0 ? 0 : Math.max(read(fd, room, room.length), 0);
    },
    limitUnsent(socket, bytes) {
      const value = Int32Array.of(bytes);
      // The result is ignored: a kernel without the option queues as much as by default.
      setsockopt(descriptor(socket), tcpLevel, tcpNotSentLowWater, value, value.byteLength);
    },
  };
}

/** The socket's descriptor; negative for a TLS socket, whose bytes must pass the encryption. */
function plainDescriptor(socket: Socket): number {
  return "encrypted" in socket ? -1 : descriptor(socket);
}

function descriptor(socket: Socket): number {
  // Not documented. Should a future Node lack it, everything goes through the stream.
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}
