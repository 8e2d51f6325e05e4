/**
 * Reads frames that carry a large base64 text. That text needs no parsing: the rest is parsed
 * without it, and it is then put back as it came. JSON.parse and the decoding of UTF-8 before it
 * took 3 ms for each MiB, cutting takes 0.2. What is to be written to a file is decoded at once:
 * as a text of its own each MiB cost the collector half a millisecond.
 */
import { type Buffer, isAscii } from "node:buffer";
import { randomUUID } from "node:crypto";
import { DecodedBase64, decodeInPlace } from "./base64.ts";
import { type Incoming, type IncomingRequest, readMessage } from "./json-rpc.ts";

/** Shorter texts are parsed faster than they are looked for. */
const cutBytesMin = 32 * 1024;
/** A frame that has more quotes before its large text is none of those that are worth cutting. */
const quotesMax = 200;
/**
 * Stands for the large text while the rest is parsed. Nobody who writes a message knows it, so
 * where it turns up as a value, it is between the two quotes where it was put.
 */
const placeholder = randomUUID({ disableEntropyCache: true });
/** Members that are decoded, and thereby checked for characters that JSON forbids in a text. */
const base64Members = ["dataBase64", "chunk", "bodyBase64"] as const;

const fileWrites = new Set(["fs/writeBlock", "fs/writeFile"]);

/**
 * Reads one message, like `readMessage`. The frame belongs to the message from now on; `giveBack`
 * gets it, if it is large, as soon as nobody needs it any more.
 */
export function readFrame(frame: Buffer, giveBack: GiveBack = leaveIt): Incoming {
  if (frame.length < cutBytesMin) return readMessage(frame.toString());
  const cut = readWithoutLargeText(frame, giveBack);
  if (cut) return cut;
  const message = readMessage(frame.toString());
  giveBack(frame);
  return message;
}

type GiveBack = (frame: Buffer) => void;

/** To the garbage collector. */
const leaveIt = () => {};

/** Undefined when there is no such text, or it is not what it looked like. */
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

/** Where the first large run of bytes between two quotes is. */
function largeText(frame: Buffer): readonly [start: number, end: number] {
  let quote = frame.indexOf(quoteByte);
  for (let quotes = 0; quote >= 0 && quotes < quotesMax; quotes++) {
    const next = frame.indexOf(quoteByte, quote + 1);
    if (next - quote > cutBytesMin) return [quote + 1, next];
    quote = next;
  }
  return [0, 0];
}

/** Whether the bytes of a text are its characters. */
const isPlain = (text: Buffer) => isAscii(text) && !text.includes(backslashByte);

const quoteByte = 0x22;
const backslashByte = 0x5c;
