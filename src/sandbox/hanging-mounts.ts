import { mountTableMs } from "../limits.ts";
import { mountsNow, newestMounts } from "./outer-mounts.ts";
import { remoteMounts } from "./remote-mounts.ts";

let lookedAtMs = -Infinity;

/**
 * Mount points of this server that may hang, the deepest first, as they were `mountTableMs` ago or
 * later: quick enough to be asked before every call about a path.
 */
export function hangingMounts(): readonly string[] {
  const nowMs = performance.now();
  if (nowMs - lookedAtMs < mountTableMs) return remoteMounts(newestMounts());
  lookedAtMs = nowMs;
  return hangingMountsNow();
}

/** As they are. */
export function hangingMountsNow(): readonly string[] {
  try {
    return remoteMounts(mountsNow());
  } catch {
    // No procfs here (another system, a sandbox without one): then nothing can be told apart.
    return remoteMounts(newestMounts());
  }
}
