/** What the system has too little of for a moment: whoever asks again may get it. */
import { setTimeout } from "node:timers/promises";
import { descriptorPollMs } from "../limits.ts";
import { isSystemError } from "./errors.ts";

const wantsOfDescriptors: readonly string[] = ["EMFILE", "ENFILE"];
/** Of processes and memory as well. */
const passingWants: readonly string[] = [...wantsOfDescriptors, "EAGAIN", "ENOMEM"];

export const isWantOfDescriptors = (thrown: unknown): boolean =>
  isSystemError(thrown) && wantsOfDescriptors.includes(thrown.code);

export const isPassingWant = (thrown: unknown): boolean =>
  isSystemError(thrown) && passingWants.includes(thrown.code);

/** Waits for descriptors where there are none: for work that nobody would try again. */
export async function withDescriptors<T>(work: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isWantOfDescriptors(error)) throw error;
      await setTimeout(descriptorPollMs);
    }
  }
}
