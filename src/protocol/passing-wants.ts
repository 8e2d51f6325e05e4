/** What the system has too little of for a moment: whoever asks again may get it. */
import { isSystemError } from "./errors.ts";

const wantsOfDescriptors: readonly string[] = ["EMFILE", "ENFILE"];
/** Of processes and memory as well. */
const passingWants: readonly string[] = [...wantsOfDescriptors, "EAGAIN", "ENOMEM"];

export const isWantOfDescriptors = (thrown: unknown): boolean =>
  isSystemError(thrown) && wantsOfDescriptors.includes(thrown.code);

export const isPassingWant = (thrown: unknown): boolean =>
  isSystemError(thrown) && passingWants.includes(thrown.code);
