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
function passed(socket: Socket) {
  const line = lineOf(socket);
  return {
    bytesRead: line?.bytesRead ?? socket.bytesRead,
    // The public `writableLength` counts all of the write under way, not what is left of it.
    waitingBytes: line?.writeQueueSize ?? 0,
  };
}

/** Not documented; Node's own timeouts of sockets look at the queue for the same reason. */
interface Handle {
  readonly bytesRead?: number;
  readonly writeQueueSize?: number;
  readonly _parent?: Handle;
}

/**
 * What the bytes pass as they are on the way, below TLS. TLS itself counts a write as a whole until
 * all of it is out, and a record of 16 KiB only when all of it has come.
 */
function lineOf(socket: Socket): Handle | null | undefined {
  const { _handle: handle } = socket as { readonly _handle?: Handle | null };
  return handle?._parent ?? handle;
}
