import type { Buffer } from "node:buffer";
import { type DecodedBase64, decodeBase64 } from "../../../protocol/base64.ts";
import { invalidRequest, messageOf } from "../../../protocol/errors.ts";

/**
 * Decodes base64 `text`. If it is malformed, throws an invalidRequest that begins with `demand`.
 */
export function decoded(text: string | DecodedBase64, demand: string): Buffer {
  if (typeof text !== "string") return text.bytes;
  try {
    return decodeBase64(text);
  } catch (error) {
    throw invalidRequest(`${demand}: ${messageOf(error)}`);
  }
}

/** Lets the memory of the bytes be reused. To be called when they have been written. */
export function releaseDecoded(text: string | DecodedBase64): void {
  if (typeof text !== "string") text.release();
}
