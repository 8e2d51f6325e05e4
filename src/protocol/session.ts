import * as z from "zod/mini";
import { clientIdCharsMax } from "../limits.ts";
import { environmentInfo } from "./environment.ts";

export const sessionRequests = {
  /** First request of a connection: opens a session, or resumes the one named. */
  initialize: {
    params: () =>
      z.object({
        clientName: z.string(),
        resumeSessionId: z.nullish(z.string()),
        /**
         * A secret of whoever is asking, by chance: a connection that was opened under the same one
         * gives the session up without being asked whether it lives. Capability `clientIds`.
         */
        clientId: z.nullish(z.string().check(z.maxLength(clientIdCharsMax))),
        /**
         * With `resumeSessionId`: events of a process are pushed again when it has been read, with
         * `pushRest` or without `maxBytes`, and not before. Capability `processReadPushRest`.
         */
        holdEvents: z.nullish(z.boolean()),
      }),
    result: () =>
      z.object({ sessionId: z.string(), environmentInfo: z.optional(environmentInfo()) }),
  },
  /** Ends this session: kills its processes, forgets its id. Capability `sessionEnd`. */
  "session/end": { params: () => z.nullish(z.object({})), result: () => z.object({}) },
};
