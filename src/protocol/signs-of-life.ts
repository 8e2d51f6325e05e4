import type { Socket } from "node:net";

/**
 * Watches what passes on a connection. Each call of the result tells whether, since the last one,
 * the other end has shown that it is there: by a byte that came from it, or by taking something of
 * what waits for it. A pong cannot tell on a slow line, for it has to wait behind a long message,
 * and its ping behind another.
 */
export function signsOfLife(socket: Socket): () => boolean {
  let last = passed(socket);
  return () => {
    const before = last;
    last = passed(socket);
    const hasTaken = before.waitingBytes > 0 && last.waitingBytes !== before.waitingBytes;
    return hasTaken || last.bytesRead > before.bytesRead;
  };
}

/**
 * What waits here is what the kernel has no room for, and it gets room only when the other end
 * confirms bytes. That a kernel with room took something would say nothing.
 */
const passed = (socket: Socket) => ({
  bytesRead: socket.bytesRead,
  waitingBytes: writeQueueBytes(socket),
});

/** Not documented; Node's own timeouts of sockets look at the first for the same reason. */
interface Handle {
  readonly writeQueueSize?: number;
  /** What TLS writes to: TLS itself counts a write as a whole until all of it is out. */
  readonly _parent?: Handle;
}

/** What is left of the write that is under way; the public `writableLength` counts all of it. */
function writeQueueBytes(socket: Socket): number {
  const { _handle: handle } = socket as { readonly _handle?: Handle | null };
  return (handle?._parent ?? handle)?.writeQueueSize ?? 0;
}
