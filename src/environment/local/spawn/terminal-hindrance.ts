import { closeSync, constants, openSync } from "node:fs";

/**
 * Why nobody can open a terminal here, `script` neither. Undefined where the system gives one; it
 * is given back at once.
 */
export function terminalHindrance(): string | undefined {
  try {
    closeSync(openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY));
    return undefined;
  } catch (error) {
    const why = (error as Error).message;
    return `There are no terminals: ${why}; mount devpts at /dev/pts.`;
  }
}
