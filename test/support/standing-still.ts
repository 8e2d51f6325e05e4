/** Keeps this whole thread from doing anything, as a machine without a processor for it does. */
export function standStill(timeMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeMs);
}
