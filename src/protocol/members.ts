/** Members that several families of requests share. */
import * as z from "zod/mini";

/** A u64 of the reference. Values above 2^53 lose digits, which matters for no limit here. */
export const u64 = wholeNumber(0);

export function wholeNumber(min: number, max = Infinity) {
  const range = max === Infinity ? `from ${min}` : `from ${min} to ${max}`;
  const complaint = `invalid number, expected a whole number ${range}`;
  return z
    .number()
    .check(z.minimum(min, complaint), z.maximum(max, complaint), z.multipleOf(1, complaint));
}

/** A request with the same id is carried out only once. Capability `requestIds`. */
export const requestId = z.nullish(z.string());
