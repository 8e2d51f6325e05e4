/** Errors that say that the system is short of something now: a later try may succeed. */
import { setTimeout } from "node:timers/promises";
import { descriptorPollMs } from "../limits.ts";
import { isSystemError } from "./errors.ts";

const descriptorShortages: readonly string[] = ["EMFILE", "ENFILE"];
/** Of descriptors, processes or memory. */
const transientShortages: readonly string[] = [...descriptorShortages, "EAGAIN", "ENOMEM"];

export const isDescriptorShortage = (thrown: unknown): boolean =>
  isSystemError(thrown) && descriptorShortages.includes(thrown.code);

export const isTransientShortage = (thrown: unknown): boolean =>
  isSystemError(thrown) && transientShortages.includes(thrown.code);

/** Repeats the work until there are descriptors for it: for work that nobody would try again. */
export async function withDescriptors<T>(work: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isDescriptorShortage(error)) throw error;
      await setTimeout(descriptorPollMs);
    }
  }
}
