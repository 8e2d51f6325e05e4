import type { Buffer } from "node:buffer";
import { decodeBase64 } from "../../../protocol/base64.ts";
import { invalidParams, messageOf } from "../../../protocol/errors.ts";

/** Decodes a chunk for stdin. Throws -32602 if it is no base64. */
export function stdinBytes(chunk: string): Buffer {
  try {
    return decodeBase64(chunk);
  } catch (error) {
    throw invalidParams(messageOf(error));
  }
}
