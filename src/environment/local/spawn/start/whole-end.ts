import type { ProcessExit, ProcessSink } from "./spawner.ts";

/**
 * Makes all methods of a sink but `output`. They call `over` once, when the process has exited and
 * its output is read, which happen in either order.
 */
export function wholeEnd(over: (exit: ProcessExit) => void): Omit<ProcessSink, "output"> {
  let exit: ProcessExit | undefined;
  let isRead = false;
  const reportWhenOver = () => {
    if (exit && isRead) over(exit);
  };
  return {
    exited: (ended) => {
      exit = ended;
      reportWhenOver();
    },
    ended: () => {
      isRead = true;
      reportWhenOver();
    },
    drained: () => {},
    stdinGone: () => {},
  };
}
