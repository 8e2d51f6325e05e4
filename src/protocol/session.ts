import * as z from "zod/mini";
import { environmentInfo } from "./environment.ts";

export const sessionRequests = {
  /** First request of a connection: opens a session, or resumes the one named. */
  initialize: {
    params: () =>
      z.object({
        clientName: z.string(),
        resumeSessionId: z.nullish(z.string()),
      }),
    result: () =>
      z.object({ sessionId: z.string(), environmentInfo: z.optional(environmentInfo()) }),
  },
  /** Ends this session: kills its processes, forgets its id. Capability `sessionEnd`. */
  "session/end": { params: () => z.nullish(z.object({})), result: () => z.object({}) },
};
