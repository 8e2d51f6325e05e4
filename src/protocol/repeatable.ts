/**
 * Which requests may be repeated when the connection broke before the answer. Imports no package,
 * because the client uses it too.
 */
import type { Method } from "./methods.ts";

/**
 * Requests that change something and take a `requestId`. The session remembers their first answer,
 * and gives it again for a repeat with the same id instead of doing the work twice. Capability
 * `requestIds`.
 */
export const rememberedMethods: ReadonlySet<Method> = new Set<Method>([
  "process/start",
  "process/closeStdin",
  "process/signal",
  "fs/writeFile",
  "fs/createDirectory",
  "fs/remove",
  "fs/copy",
]);

/**
 * Idempotent requests; writes have their `writeId`. `process/read` is not among them: an answer too
 * long for a bad connection would break it again and again, so the reader retries with a shorter
 * one. Nor are `fs/readBlock` and `fs/writeBlock`, whose handles end with the connection.
 */
export const harmlessMethods: ReadonlySet<Method> = new Set<Method>([
  "environment/info",
  "environment/status",
  "environmentConfig/read",
  "process/write",
  "process/resize",
  "process/terminate",
  "process/list",
  "fs/readFile",
  "fs/getMetadata",
  "fs/canonicalize",
  "fs/readDirectory",
  "fs/walk",
  "fs/open",
  "fs/close",
  "http/cancel",
  "fs/watchMissing",
]);
