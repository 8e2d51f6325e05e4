/** Members that several families of requests share. */
import * as z from "zod/mini";

/** A u64 of the reference. Values above 2^53 lose digits, which matters for no limit here. */
export const u64 = z
  .number("invalid number")
  .check(z.minimum(0, "invalid number"), z.multipleOf(1, "invalid number"));

/** A request with the same id is carried out only once. Capability `requestIds`. */
export const requestId = z.nullish(z.string());
