import { createHash, timingSafeEqual } from "node:crypto";
import type { CheckToken } from "./access.ts";

/** Admits the one token that has this SHA-256. Digests are compared, so that the time tells neither
 * where a guess differs nor how long the token is. */
export const capabilityToken =
  (digest: Buffer): CheckToken =>
  (token) =>
    timingSafeEqual(sha256(token), digest) ? undefined : "invalid websocket bearer token";

export const sha256 = (text: string) => createHash("sha256").update(text).digest();
