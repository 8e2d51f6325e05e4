import type { Method } from "../protocol/methods.ts";

/** What a message asks for. */
export interface Asked {
  readonly method: Method;
  readonly params: unknown;
  /** Asked when its turn comes: whether it is still to be sent. */
  readonly isWanted: () => boolean;
}
