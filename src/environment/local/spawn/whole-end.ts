import type { ProcessExit, ProcessSink } from "./spawner.ts";

/**
 * All of a sink but its output, for whoever only wants to know when everything is over: the process
 * has exited and what it printed is read, which happen in either order. Told once.
 */
export function wholeEnd(over: (exit: ProcessExit) => void): Omit<ProcessSink, "output"> {
  let exit: ProcessExit | undefined;
  let isRead = false;
  const tell = () => {
    if (exit && isRead) over(exit);
  };
  return {
    exited: (ended) => {
      exit = ended;
      tell();
    },
    ended: () => {
      isRead = true;
      tell();
    },
    drained: () => {},
    stdinGone: () => {},
  };
}
