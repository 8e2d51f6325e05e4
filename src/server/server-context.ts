import type { LocalEnvironment } from "../environment/local/environment.ts";
import type { SocketCalls } from "../environment/local/libc/socket-calls.ts";
import type { Limits } from "../limits.ts";
import type { SessionRegistry } from "./sessions/session-registry.ts";
import type { Telemetry } from "./watch/telemetry.ts";

/** The parts of a server that all its connections share. */
export interface ServerContext extends Telemetry, SocketCalls {
  readonly environment: LocalEnvironment;
  readonly sessions: SessionRegistry;
  readonly limits: Limits;
}
