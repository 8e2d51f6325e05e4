/** Doubles the limit until the attempt succeeds: on a busy machine a short one is over too soon. */
export async function withLongerLimits(
  limitMs: number,
  attempt: (limitMs: number) => Promise<void>,
): Promise<void> {
  try {
    await attempt(limitMs);
  } catch (error) {
    if (limitMs > 10_000) throw error;
    await withLongerLimits(2 * limitMs, attempt);
  }
}
