/** What is said in the first bytes of a frame, as RFC 6455 has it. */
import type { Buffer } from "node:buffer";

/** A whole message, and it is text. */
const finalText = 0x81;
/** The last frame of a message that came in several. */
const finalContinuation = 0x80;
const finalBit = 0x80;
const maskBit = 0x80;
const lengthBits = 0x7f;
const maskBytes = 4;
/** What stands in place of a length that follows in two bytes, and in eight. */
const twoByteLength = 126;
const eightByteLength = 127;
/** Up to there it follows in two bytes. */
const twoByteLengthMax = 0xffff;

/** Of a frame that this end sends, which has no mask. */
export const headerBytesMax = 10;

/** Before a whole text of that length; tells where its payload begins. */
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

/** Of header and payload of the frame that begins there; undefined without its whole header. */
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

/** Of the whole frame between, if it is a whole masked text. */
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

/** Whether a message that comes in several frames is not at its end behind the one given. */
export function leavesOpen(firstByte: number, wasOpen: boolean): boolean {
  if (firstByte < finalBit) return true;
  return wasOpen && firstByte !== finalContinuation;
}

function headerLength(second: number): number {
  const length = second & lengthBits;
  const extended = length === twoByteLength ? 2 : length === eightByteLength ? 8 : 0;
  return 2 + extended + (second < maskBit ? 0 : maskBytes);
}
