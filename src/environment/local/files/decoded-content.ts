import type { Buffer } from "node:buffer";
import { type DecodedBase64, decodeBase64 } from "../../../protocol/base64.ts";
import { invalidRequest, messageOf } from "../../../protocol/errors.ts";

/** The bytes of base64 `text`; `demand` begins the error for what is none. */
export function decoded(text: string | DecodedBase64, demand: string): Buffer {
  if (typeof text !== "string") return text.bytes;
  try {
    return decodeBase64(text);
  } catch (error) {
    throw invalidRequest(`${demand}: ${messageOf(error)}`);
  }
}

/** When the bytes are where they belong: their memory can take the next ones. */
export function releaseDecoded(text: string | DecodedBase64): void {
  if (typeof text !== "string") text.release();
}
