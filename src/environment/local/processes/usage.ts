import type { EventParams } from "../../../protocol/methods.ts";
import type { ProcessExit } from "../spawn/start/spawner.ts";

type Usage = NonNullable<EventParams<"process/exited">["usage"]>;

/** The usage of a process, in the units of the protocol. */
export function usageOf({ usage }: ProcessExit, wallMs: number): Usage {
  const known = usage && {
    userMs: usage.userUs / 1000,
    systemMs: usage.systemUs / 1000,
    maxRssBytes: usage.maxRssKiB * 1024,
  };
  return { wallMs: Math.round(wallMs * 1000) / 1000, ...known };
}
