import * as z from "zod/mini";
import { clientIdCharsMax } from "../limits.ts";
import { environmentInfo } from "./environment.ts";

export const sessionRequests = {
  /** First request of a connection: opens a session, or resumes the named one. */
  initialize: {
    params: () =>
      z.object({
        clientName: z.string(),
        resumeSessionId: z.nullish(z.string()),
        /**
         * A random secret of the client. A connection that was opened with the same one gives the
         * session up without a probe whether it is alive. Capability `clientIds`.
         */
        clientId: z.nullish(z.string().check(z.maxLength(clientIdCharsMax))),
        /**
         * With `resumeSessionId`: holds the events of a process back until it has been read with
         * `pushRest` or without `maxBytes`. Capability `processReadPushRest`.
         */
        holdEvents: z.nullish(z.boolean()),
      }),
    result: () =>
      z.object({ sessionId: z.string(), environmentInfo: z.optional(environmentInfo()) }),
  },
  /** Ends the session: kills its processes and forgets its id. Capability `sessionEnd`. */
  "session/end": { params: () => z.nullish(z.object({})), result: () => z.object({}) },
};
