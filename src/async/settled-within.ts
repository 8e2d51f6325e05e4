/** Waits until a promise has settled either way, but at most `limitMs`. Never rejects. */
export async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([Promise.allSettled([promise]), limit]);
  clearTimeout(timer);
}
