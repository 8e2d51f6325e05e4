/** Frames as a client writes them, right and wrong, by hand. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";

interface FrameParts {
  /** FIN, reserved bits and opcode. */
  readonly first: number;
  readonly payload: Buffer;
  readonly isMasked?: boolean;
  readonly mask?: Buffer;
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
export const final = 0x80;
export const reserved = 0x40;

export function clientFrame(parts: FrameParts): Buffer {
  const { first, payload, isMasked = true, mask = randomBytes(4) } = parts;
  const header = lengthField(payload.length, isMasked ? 0x80 : 0);
  if (!isMasked) return Buffer.concat([Buffer.of(first), header, payload]);
  const masked = payload.map((byte, at) => byte ^ (mask[at & 3] as number));
  return Buffer.concat([Buffer.of(first), header, mask, masked]);
}

function lengthField(bytes: number, maskBit: number): Buffer {
  if (bytes < 126) return Buffer.of(maskBit | bytes);
  if (bytes < 65_536) return Buffer.of(maskBit | 126, bytes >> 8, bytes & 0xff);
  const field = Buffer.alloc(9, maskBit | 127);
  field.writeBigUInt64BE(BigInt(bytes), 1);
  return field;
}
