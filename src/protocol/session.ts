import * as z from "zod";
import { environmentInfo } from "./environment.ts";

export const sessionRequests = {
  /** First request of a connection: opens a session, or resumes the one named. */
  initialize: {
    params: () =>
      z.object({
        clientName: z.string(),
        resumeSessionId: z.string().nullish(),
      }),
    result: () =>
      z.object({ sessionId: z.string(), environmentInfo: environmentInfo().optional() }),
  },
  /** Ends this session: kills its processes, forgets its id. Capability `sessionEnd`. */
  "session/end": { params: () => z.object({}).nullish(), result: () => z.object({}) },
};
