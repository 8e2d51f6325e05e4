import { loggedNameCharsMax } from "../../limits.ts";
import type { AuditFields } from "../watch/audit-chain.ts";
import { enterAfterwards, type Telemetry } from "../watch/telemetry.ts";
import type { Peer, Session } from "./session.ts";

export type SessionEnding = "ended by its client" | "expired" | "server stopped";

/** Reports the events of sessions to the log, the counters and the audit log. */
export function sessionWatch({ log, counters, audit }: Telemetry) {
  return {
    opened(session: Session, peer: Peer): void {
      audit?.enter("session-opened", { session: session.label, ...clientFields(peer) });
      counters.sessionsOpened++;
    },
    resumed(session: Session, peer: Peer): void {
      audit?.enter("session-resumed", { session: session.label, ...clientFields(peer) });
      counters.sessionsResumed++;
      const { connection, address } = peer;
      log("info", "session resumed", { session: session.label, connection, address });
    },
    ended(session: Session, ending: SessionEnding): void {
      const { openedAtMs, ...counts } = session.counts;
      const fields = { session: session.label, ending };
      enterAfterwards({ audit }, "session-ended", fields);
      const durationMs = Math.round(performance.now() - openedAtMs);
      log("info", "session ended", { ...fields, durationMs, ...counts });
    },
  };
}

export type SessionWatch = ReturnType<typeof sessionWatch>;

/** The client chooses its name, which could be very long. */
const clientFields = ({ address, clientName }: Peer): AuditFields => ({
  address,
  client: clientName?.slice(0, loggedNameCharsMax),
});
