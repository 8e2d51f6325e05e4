import { mountTableMs } from "../limits.ts";
import { mountsNow, newestMounts } from "./outer-mounts.ts";
import { remoteMounts } from "./remote-mounts.ts";

let lookedAtMs = -Infinity;

/**
 * Mount points on which calls may hang, deepest first, at most `mountTableMs` old: cheap enough to
 * be read before every call on a path.
 */
export function hangingMounts(): readonly string[] {
  const nowMs = performance.now();
  if (nowMs - lookedAtMs < mountTableMs) return remoteMounts(newestMounts());
  lookedAtMs = nowMs;
  return hangingMountsNow();
}

/** The same, read now. */
export function hangingMountsNow(): readonly string[] {
  try {
    return remoteMounts(mountsNow());
  } catch {
    // There is no procfs here (another system, or a sandbox without it).
    return remoteMounts(newestMounts());
  }
}
