import { setTimeout } from "node:timers/promises";
import { within } from "./within.ts";

const waitMsMax = 30_000;

/** Looks again and again, where nothing tells; fails when it takes too long. */
export async function until(awaited: string, isSo: () => boolean): Promise<void> {
  const end = new AbortController();
  const look = async () => {
    while (!isSo() && !end.signal.aborted) await setTimeout(5);
  };
  await within(waitMsMax, awaited, look()).finally(() => end.abort());
}
