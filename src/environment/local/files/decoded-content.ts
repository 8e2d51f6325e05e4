import type { Buffer } from "node:buffer";
import { decodeBase64 } from "../../../protocol/base64.ts";
import { invalidRequest } from "../../../protocol/errors.ts";

/** The bytes of base64 `text`; `demand` begins the error for what is none. */
export function decoded(text: string, demand: string): Buffer {
  try {
    return decodeBase64(text);
  } catch (error) {
    throw invalidRequest(`${demand}: ${error instanceof Error ? error.message : error}`);
  }
}
