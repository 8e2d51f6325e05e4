import { errorCodes, RpcError } from "../protocol/errors.ts";

/** Nothing was done: with another look at what the policy names it may be. */
export class WorldChangedError extends RpcError {
  constructor() {
    super(
      errorCodes.internal,
      "what the sandbox names, or the mounts of this machine, changed while it was set up: " +
        "try again",
    );
  }
}
