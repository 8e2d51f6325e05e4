/**
 * The bound of every wait in the tests: gives what is awaited, or fails with a message that says
 * what did not come, and with what else is known by then.
 */
export async function within<T>(
  boundMs: number,
  awaited: string,
  promise: Promise<T>,
  known: () => string = () => "",
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${awaited} did not come within ${boundMs} ms. ${known()}`.trim())),
      boundMs,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
