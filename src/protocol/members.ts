/** Members that several families of requests share. */
import * as z from "zod/mini";

/** A u64 of the reference. Values above 2^53 lose digits, which matters for no limit here. */
export const u64 = wholeNumber(0);

/** A whole number from `min` on, to `max` if that is given. */
export function wholeNumber(min: number, max?: number) {
  const range = max === undefined ? `from ${min}` : `from ${min} to ${max}`;
  const complaint = `invalid number, expected a whole number ${range}`;
  const whole = z.number().check(z.minimum(min, complaint), z.multipleOf(1, complaint));
  return max === undefined ? whole : whole.check(z.maximum(max, complaint));
}

/** A request with the same id is carried out only once. Capability `requestIds`. */
export const requestId = z.nullish(z.string());
