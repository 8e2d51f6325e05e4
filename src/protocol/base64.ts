import { Buffer } from "node:buffer";
import { base64PieceBytes } from "../limits.ts";

/** Base64 as somebody has it: the text, or still the bytes that it stands for. */
export type Base64 = string | Base64Bytes;

/**
 * Bytes on their way out, which become base64 only in their frame. As a text of their own each MiB
 * made so much garbage that collecting it took as long as all the rest.
 */
export class Base64Bytes {
  #bytes: Buffer;
  #release: (() => void) | undefined;

  /** `release` is called when the bytes have been used, which happens once. */
  constructor(bytes: Buffer, release?: () => void) {
    this.#bytes = bytes;
    this.#release = release;
  }

  /** Characters of the text. */
  get length(): number {
    return Math.ceil(this.#bytes.length / 3) * 4;
  }

  /** Writes the text into `frame`; gives the number of characters. */
  writeTo(frame: Buffer, offset: number): number {
    const bytes = this.#bytes;
    let at = offset;
    for (let from = 0; from < bytes.length; from += base64PieceBytes) {
      at += frame.write(bytes.toString("base64", from, from + base64PieceBytes), at, "latin1");
    }
    this.#giveUp();
    return at - offset;
  }

  /** The text. */
  toJSON(): string {
    const text = this.#bytes.toString("base64");
    this.#giveUp();
    return text;
  }

  #giveUp(): void {
    const release = this.#release;
    this.#bytes = nothing;
    this.#release = undefined;
    release?.();
  }
}

const nothing = Buffer.alloc(0);

export function textOf(base64: Base64): string {
  return typeof base64 === "string" ? base64 : base64.toJSON();
}

/** Base64 that came in a frame, of which only the bytes are left. */
export class DecodedBase64 {
  #bytes: Buffer;
  #giveBack: (() => void) | undefined;

  /** `giveBack` is called, once, when the memory of the bytes is not needed any more. */
  constructor(bytes: Buffer, giveBack?: () => void) {
    this.#bytes = bytes;
    this.#giveBack = giveBack;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** The text, for whoever hands it on. */
  toJSON(): string {
    return this.#bytes.toString("base64");
  }

  /** By who has used the bytes, and knows that nobody else does. Without it they are collected. */
  release(): void {
    const giveBack = this.#giveBack;
    this.#bytes = nothing;
    this.#giveBack = undefined;
    giveBack?.();
  }
}

/**
 * Puts the bytes where their base64 text lies, piece by piece: no further memory of the size of a
 * block is needed, whose collection took longer than decoding. Undefined, and nothing changed, when
 * `decodeBase64` would refuse the text.
 */
export function decodeInPlace(text: Buffer): Buffer | undefined {
  let length = 0;
  for (let from = 0; from < text.length; from += textPieceBytes) {
    const end = Math.min(from + textPieceBytes, text.length);
    const piece = text.toString("latin1", from, end);
    const count = text.write(piece, length, "base64");
    const whole = end < text.length ? (piece.length / 4) * 3 : decodedLength(piece);
    if (count !== whole || isUrlSafe(piece)) {
      text.write(text.toString("base64", 0, length) + piece, "latin1");
      return undefined;
    }
    length += count;
  }
  return text.subarray(0, length);
}

/** Text of as many bytes as are encoded at once. */
const textPieceBytes = (base64PieceBytes / 3) * 4;

/**
 * Decodes standard base64 with padding, as the reference demands it, and throws an `Error` that
 * says what is wrong otherwise. Node's decoder skips what it does not know and takes the URL-safe
 * alphabet too; comparing lengths finds the first, a search the second. Both cost a tenth of what a
 * regular expression over a megabyte would.
 */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== decodedLength(text) || isUrlSafe(text)) {
    throw new Error(complaint(text));
  }
  return bytes;
}

const isUrlSafe = (text: string) => text.includes("-") || text.includes("_");

/** The number of bytes that well-formed base64 `text` stands for. */
function decodedLength(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

function complaint(text: string): string {
  const offset = text.search(/[^A-Za-z0-9+/=]/);
  if (offset >= 0) return `Invalid symbol ${text.charCodeAt(offset)}, offset ${offset}.`;
  return "Invalid padding";
}
