/** A promise with the functions that settle it: `Promise.withResolvers`, which Node 20 lacks. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** A rejection that nobody handles is ignored. */
export function deferred<T>(): Deferred<T> {
  const settle: { resolve: (value: T) => void; reject: (error: Error) => void } = {
    resolve: () => {},
    reject: () => {},
  };
  const promise = new Promise<T>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  // The owner of a process may never await its exit; Node would end the program for that.
  promise.catch(() => {});
  return { promise, ...settle };
}
