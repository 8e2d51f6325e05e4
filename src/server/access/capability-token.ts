import { createHash, timingSafeEqual } from "node:crypto";
import type { CheckToken } from "./access.ts";

/**
 * Accepts the one token with this SHA-256. Comparing digests reveals by its time neither the
 * position of a difference nor the length of the token.
 */
export const capabilityToken =
  (digest: Buffer): CheckToken =>
  (token) =>
    timingSafeEqual(sha256(token), digest) ? undefined : "invalid websocket bearer token";

export const sha256 = (text: string) => createHash("sha256").update(text).digest();
