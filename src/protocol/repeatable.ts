/**
 * Which requests may be made again when a connection broke before their answer came. No package is
 * imported here: the client uses it too.
 */
import type { Method } from "./methods.ts";

/**
 * Requests that change something and take a `requestId`. The session remembers their first answer,
 * so that a repeat under the same id gives it again instead of doing the work twice. Capability
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
 * Requests whose repetition changes nothing that the first did not; writes have their `writeId`.
 * `process/read` is not among them: an answer that is too long for a bad connection would break it
 * again and again, so whoever reads begins anew with a shorter one. What was opened over the
 * connection that broke went with it.
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
