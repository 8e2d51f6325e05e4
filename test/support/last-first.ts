import type { MaybePromise } from "../../src/protocol/methods.ts";

/** Anything that can be told what to do at the end: a test, or `node:test` itself for a file. */
export interface Scope {
  after(done: () => MaybePromise<void>): void;
}

/**
 * Does at the end what was asked for last first, so that a folder outlives the server that writes
 * there. Node would do it in the order in which it was asked for, and leave the rest undone when
 * one thing fails: a server that nobody stops then keeps the test from ending.
 */
export function lastFirst(scope: Scope): Scope {
  const works: (() => MaybePromise<void>)[] = [];
  const undo = async (): Promise<void> => {
    try {
      await works.pop()?.();
    } finally {
      if (works.length > 0) await undo();
    }
  };
  scope.after(undo);
  return { after: (done) => void works.push(done) };
}
