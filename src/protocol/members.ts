/** Members that requests of several kinds have. */
import * as z from "zod/mini";

/** A u64 of the reference. Values above 2^53 lose digits here, which no bound of ours can feel. */
export const u64 = z
  .number("invalid number")
  .check(z.minimum(0, "invalid number"), z.multipleOf(1, "invalid number"));

/**
 * Under the same id the request is done once, however often it is made. Capability `requestIds`.
 */
export const requestId = z.nullish(z.string());
