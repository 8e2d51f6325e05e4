import { errorCodes, RpcError } from "../../protocol/errors.ts";

/** Nothing was done, and another attempt may succeed. */
export class WorldChangedError extends RpcError {
  constructor() {
    super(
      errorCodes.internal,
      "what the sandbox names, or the mounts of this machine, changed while it was set up: " +
        "try again",
    );
  }
}
