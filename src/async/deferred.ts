/** A promise with the functions that settle it: `Promise.withResolvers`, which Node 20 lacks. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** Makes a `Deferred` whose unhandled rejection is ignored. */
export function deferred<T>(): Deferred<T> {
  let settle!: Pick<Deferred<T>, "resolve" | "reject">;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // A program may never await the exit of its process; Node would end it for the rejection.
  promise.catch(() => {});
  return { promise, ...settle };
}
