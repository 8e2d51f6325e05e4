/** Reads and writes the header of a WebSocket frame (RFC 6455, section 5.2). */
import type { Buffer } from "node:buffer";

/** First byte of a text message in one frame. */
const finalText = 0x81;
/** First byte of the last frame of a message in several frames. */
const finalContinuation = 0x80;
const finalBit = 0x80;
const maskBit = 0x80;
const lengthBits = 0x7f;
const maskBytes = 4;
/** Stand in the second byte when the length follows in two bytes, and in eight. */
const twoByteLength = 126;
const eightByteLength = 127;
/** Largest length that is written in two bytes. */
const twoByteLengthMax = 0xffff;

/** Longest header of a frame sent by a server, which has no mask. */
export const headerBytesMax = 10;

/** Writes the header of a text message of `length` bytes; returns where its payload begins. */
export function writeHeader(memory: Buffer, start: number, length: number): number {
  let at = memory.writeUInt8(finalText, start);
  if (length < twoByteLength) return memory.writeUInt8(length, at);
  if (length <= twoByteLengthMax) {
    at = memory.writeUInt8(twoByteLength, at);
    return memory.writeUInt16BE(length, at);
  }
  at = memory.writeUInt8(eightByteLength, at);
  return memory.writeUIntBE(length, memory.writeUInt16BE(0, at), 6);
}

/** Length of the frame that begins at `at`, with its header; undefined while the header is cut. */
export function frameLength(bytes: Buffer, at: number): number | undefined {
  const second = bytes[at + 1];
  if (second === undefined) return undefined;
  const header = headerLength(second);
  if (at + header > bytes.length) return undefined;
  const length = second & lengthBits;
  if (length < twoByteLength) return header + length;
  if (length === twoByteLength) return header + bytes.readUInt16BE(at + 2);
  return header + Number(bytes.readBigUInt64BE(at + 2));
}

/** Mask and payload of the frame from `start` to `end`; undefined unless it is a whole text. */
export function textOf(bytes: Buffer, start: number, end: number): MaskedText | undefined {
  const second = bytes[start + 1] ?? 0;
  if (bytes[start] !== finalText || second < maskBit) return undefined;
  const payloadAt = start + headerLength(second);
  return {
    mask: bytes.subarray(payloadAt - maskBytes, payloadAt),
    payload: bytes.subarray(payloadAt, end),
  };
}

interface MaskedText {
  readonly mask: Buffer;
  readonly payload: Buffer;
}

/** Whether a message in several frames is still unfinished after the frame with this first byte. */
export function leavesOpen(firstByte: number, wasOpen: boolean): boolean {
  if (firstByte < finalBit) return true;
  return wasOpen && firstByte !== finalContinuation;
}

function headerLength(second: number): number {
  const length = second & lengthBits;
  const extended = length === twoByteLength ? 2 : length === eightByteLength ? 8 : 0;
  return 2 + extended + (second < maskBit ? 0 : maskBytes);
}
