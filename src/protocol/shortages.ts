/** Errors for a resource that the system lacks at the moment: a later attempt may succeed. */
import { setTimeout } from "node:timers/promises";
import { descriptorPollMs } from "../limits.ts";
import { isSystemError } from "./errors.ts";

const descriptorShortages: readonly string[] = ["EMFILE", "ENFILE"];
/** Shortages of descriptors, processes or memory. */
const transientShortages: readonly string[] = [...descriptorShortages, "EAGAIN", "ENOMEM"];

export const isDescriptorShortage = (thrown: unknown): boolean =>
  isSystemError(thrown) && descriptorShortages.includes(thrown.code);

export const isTransientShortage = (thrown: unknown): boolean =>
  isSystemError(thrown) && transientShortages.includes(thrown.code);

/** Repeats work until descriptors are free, for work that is not retried elsewhere. */
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
