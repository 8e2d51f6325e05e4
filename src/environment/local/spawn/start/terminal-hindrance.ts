import { closeSync, constants, openSync } from "node:fs";

/**
 * Why no pty can be opened here, by `script` neither. Undefined where it can; it is closed at once.
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
