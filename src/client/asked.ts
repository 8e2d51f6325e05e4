import type { Method } from "../protocol/methods.ts";

/** The request in a message. */
export interface Asked {
  readonly method: Method;
  readonly params: unknown;
  /** Called when it is about to be sent: false when it was aborted meanwhile. */
  readonly isWanted: () => boolean;
}
