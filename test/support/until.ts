import { setTimeout } from "node:timers/promises";
import type { MaybePromise } from "../../src/protocol/methods.ts";
import { within } from "./within.ts";

const waitMsMax = 30_000;

/** Looks again and again, where nothing tells; fails when it takes too long. */
export async function until(awaited: string, isSo: () => MaybePromise<boolean>): Promise<void> {
  const end = new AbortController();
  const look = async () => {
    while (!(await isSo()) && !end.signal.aborted) await setTimeout(5);
  };
  await within(waitMsMax, awaited, look()).finally(() => end.abort());
}
