import type { LocalEnvironment } from "../environment/local/environment.ts";
import type { Log } from "./log.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** What all connections of one server share. */
export interface ServerContext {
  readonly environment: LocalEnvironment;
  readonly sessions: SessionRegistry;
  readonly log: Log;
}
