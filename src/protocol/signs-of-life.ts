import type { Socket } from "node:net";

/**
 * Watches the traffic of a connection. Each call of the result tells whether the other end has
 * shown since the last one that it is alive: by a byte from it, or by accepting waiting bytes. A
 * pong alone is no measure on a slow connection, where it waits behind a long message, and its ping
 * behind another.
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
 * The waiting bytes exceed the kernel's buffer, which gets room only when the other end
 * acknowledges bytes. A buffer with room would accept bytes for a dead peer, too.
 */
function passed(socket: Socket) {
  const line = lineOf(socket);
  return {
    bytesRead: line?.bytesRead ?? socket.bytesRead,
    // The public `writableLength` counts the whole current write, not what is left of it.
    waitingBytes: line?.writeQueueSize ?? 0,
  };
}

/** Undocumented; Node's own socket timeouts use the queue for the same purpose. */
interface Handle {
  readonly bytesRead?: number;
  readonly writeQueueSize?: number;
  readonly _parent?: Handle;
}

/**
 * The handle below TLS, which itself counts a write until all of it is out, and a record of 16 KiB
 * only when it is complete.
 */
function lineOf(socket: Socket): Handle | null | undefined {
  const { _handle: handle } = socket as { readonly _handle?: Handle | null };
  return handle?._parent ?? handle;
}
