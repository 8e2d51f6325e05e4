import { Buffer } from "node:buffer";
import { base64PieceBytes } from "../limits.ts";

/** Base64 as text, or as the bytes that it encodes. */
export type Base64 = string | Base64Bytes;

/**
 * Outgoing bytes that are encoded only when their frame is written. As a string of its own, each
 * MiB made so much garbage that collecting it took as long as all other work.
 */
export class Base64Bytes {
  #bytes: Buffer;
  #release: (() => void) | undefined;

  /** `release` is called once, when the bytes have been encoded. */
  constructor(bytes: Buffer, release?: () => void) {
    this.#bytes = bytes;
    this.#release = release;
  }

  /** Length of the base64 text, in characters. */
  get length(): number {
    return Math.ceil(this.#bytes.length / 3) * 4;
  }

  /**
   * Writes the text into `frame`, and returns the number of characters. The bytes are gone after
   * it.
   */
  writeTo(frame: Buffer, offset: number): number {
    const bytes = this.#bytes;
    let at = offset;
    for (let from = 0; from < bytes.length; from += base64PieceBytes) {
      at += frame.write(bytes.toString("base64", from, from + base64PieceBytes), at, "latin1");
    }
    this.#discard();
    return at - offset;
  }

  /** The text, for JSON.stringify. The bytes are gone after it. */
  toJSON(): string {
    const text = this.#bytes.toString("base64");
    this.#discard();
    return text;
  }

  #discard(): void {
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

/** Base64 from an incoming frame, already decoded. */
export class DecodedBase64 {
  #bytes: Buffer;
  #giveBack: (() => void) | undefined;

  /** `giveBack` is called once, when the memory of the bytes is free again. */
  constructor(bytes: Buffer, giveBack?: () => void) {
    this.#bytes = bytes;
    this.#giveBack = giveBack;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** The text, for JSON.stringify. */
  toJSON(): string {
    return this.#bytes.toString("base64");
  }

  /**
   * Frees the memory, when the bytes are used nowhere else any more. Without this call they are
   * garbage-collected.
   */
  release(): void {
    const giveBack = this.#giveBack;
    this.#bytes = nothing;
    this.#giveBack = undefined;
    giveBack?.();
  }
}

/**
 * Decodes in place, piece by piece, because collecting another buffer of the size of a block took
 * longer than decoding. Undefined, with the text unchanged, when `decodeBase64` would refuse the
 * text.
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

/** Length of the text of `base64PieceBytes` bytes. */
const textPieceBytes = (base64PieceBytes / 3) * 4;

/**
 * Decodes standard base64 with padding, as the reference does. Throws an `Error` that says what is
 * wrong. Node's decoder skips unknown characters and accepts the URL-safe alphabet: comparing
 * lengths finds the former, a search the latter. Both cost a tenth of a regular expression over a
 * megabyte.
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
