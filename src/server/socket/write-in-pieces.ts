import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { tlsPieceBytes } from "../../limits.ts";

/** To be called once, before anything is sent. */
export function preparePieces(socket: Socket): void {
  // Node gives everything that waits to the encryption at once, unless it finds no such method.
  if (isEncrypted(socket)) Object.assign(socket, { _writev: null });
}

/**
 * Writes to a socket whose client may read slowly or not at all. TLS encrypts what it gets at once
 * and keeps it until the kernel takes it, so a large message would be in memory twice. All pieces
 * are queued in this turn: nothing can come between them.
 */
export function writeInPieces(socket: Socket, bytes: Buffer, written: () => void): void {
  let rest = bytes;
  while (isEncrypted(socket) && rest.length > tlsPieceBytes) {
    socket.write(rest.subarray(0, tlsPieceBytes));
    rest = rest.subarray(tlsPieceBytes);
  }
  socket.write(rest, written);
}

const isEncrypted = (socket: Socket) => "encrypted" in socket;
