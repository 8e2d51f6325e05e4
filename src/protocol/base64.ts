import { Buffer } from "node:buffer";

/**
 * Decodes standard base64 with padding, as the reference demands it, and throws an `Error` that
 * says what is wrong otherwise. Node's decoder skips what it does not know and takes the URL-safe
 * alphabet too; comparing lengths finds the first, a search the second. Both cost a tenth of what a
 * regular expression over a megabyte would.
 */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== decodedLength(text) || text.includes("-") || text.includes("_")) {
    throw new Error(complaint(text));
  }
  return bytes;
}

/** The number of bytes that well-formed base64 `text` stands for. */
export function decodedLength(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

function complaint(text: string): string {
  const offset = text.search(/[^A-Za-z0-9+/=]/);
  if (offset >= 0) return `Invalid symbol ${text.charCodeAt(offset)}, offset ${offset}.`;
  return "Invalid padding";
}
