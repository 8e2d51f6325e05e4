import type { Buffer } from "node:buffer";
import { decodeBase64 } from "../../protocol/base64.ts";
import { invalidParams, messageOf } from "../../protocol/errors.ts";

/** What is to be written to a process. Fails with -32602 for a chunk that is no base64. */
export function stdinBytes(chunk: string): Buffer {
  try {
    return decodeBase64(chunk);
  } catch (error) {
    throw invalidParams(messageOf(error));
  }
}
