import type { Handlers, Params, Result, SessionMethod } from "../protocol/methods.ts";

interface SessionContext {
  initialize(params: Params<"initialize">): Promise<Result<"initialize">>;
  endSession(): Promise<Result<"session/end">>;
}

export const sessionHandlers: Handlers<SessionMethod, SessionContext> = {
  initialize: (context, params) => context.initialize(params),
  "session/end": (context) => context.endSession(),
};
