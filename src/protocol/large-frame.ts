/**
 * Reads frames with a large base64 text. That text is cut out before parsing and put back after it,
 * because JSON.parse and UTF-8 decoding took 3 ms per MiB, and cutting takes 0.2. The content of
 * file writes is decoded at once: as a string of its own, each MiB cost the collector half a
 * millisecond.
 */
import { type Buffer, isAscii } from "node:buffer";
import { randomUUID } from "node:crypto";
import { DecodedBase64, decodeInPlace } from "./base64.ts";
import { type Incoming, type IncomingRequest, readMessage } from "./json-rpc.ts";

/** Below this size, parsing is faster than searching. */
const cutBytesMin = 32 * 1024;
/** A frame with more quotes before its large text is not worth cutting. */
const quotesMax = 200;
/**
 * Stands for the large text while the rest is parsed. It is random and unknown to clients, so a
 * value that equals it is the one put there.
 */
const placeholder = randomUUID({ disableEntropyCache: true });
/**
 * Members that are decoded as base64, which also finds characters that JSON forbids in a string.
 */
const base64Members = ["dataBase64", "chunk", "bodyBase64"] as const;

const fileWrites = new Set(["fs/writeBlock", "fs/writeFile"]);

/**
 * Parses one message, like `readMessage`, and takes over the frame. `giveBack` gets a large frame
 * as soon as its memory is free again.
 */
export function readFrame(frame: Buffer, giveBack: GiveBack = leaveToCollector): Incoming {
  if (frame.length < cutBytesMin) return readMessage(frame.toString());
  const cut = readWithoutLargeText(frame, giveBack);
  if (cut) return cut;
  const message = readMessage(frame.toString());
  giveBack(frame);
  return message;
}

type GiveBack = (frame: Buffer) => void;

/** Leaves the frame to the garbage collector. */
const leaveToCollector = () => {};

/** Undefined when there is no large base64 text in a known member. */
function readWithoutLargeText(frame: Buffer, giveBack: GiveBack): IncomingRequest | undefined {
  const [start, end] = largeText(frame);
  if (start === end || !isPlain(frame.subarray(start, end))) return undefined;
  const head = frame.toString("utf8", 0, start);
  const message = readMessage(`${head}${placeholder}${frame.toString("utf8", end)}`);
  if (message.kind !== "request") return undefined;
  const params = (message.params ?? {}) as Record<string, unknown>;
  const member = base64Members.find((name) => params[name] === placeholder);
  if (member === undefined) return undefined;
  const text = frame.subarray(start, end);
  const bytes = fileWrites.has(message.method) ? decodeInPlace(text) : undefined;
  params[member] = bytes
    ? new DecodedBase64(bytes, () => giveBack(frame))
    : text.toString("latin1");
  if (!bytes) giveBack(frame);
  return message;
}

/** The range of the first large run of bytes between two quotes. */
function largeText(frame: Buffer): readonly [start: number, end: number] {
  let quote = frame.indexOf(quoteByte);
  for (let quotes = 0; quote >= 0 && quotes < quotesMax; quotes++) {
    const next = frame.indexOf(quoteByte, quote + 1);
    if (next - quote > cutBytesMin) return [quote + 1, next];
    quote = next;
  }
  return [0, 0];
}

/** Whether each byte is one character, without escapes. */
const isPlain = (text: Buffer) => isAscii(text) && !text.includes(backslashByte);

const quoteByte = 0x22;
const backslashByte = 0x5c;
