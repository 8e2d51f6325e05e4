import type { AuditFields } from "./audit-chain.ts";
import type { AuditEvent, AuditLog } from "./audit-log.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";

/** Where the server reports what it does: log lines, metrics and the audit log. */
export interface Telemetry {
  readonly log: Log;
  readonly counters: Counters;
  readonly audit: AuditLog | undefined;
}

/**
 * Records an event that has happened already: a failure, which the audit log itself tells and
 * counts, can refuse nothing any more.
 */
export function enterAfterwards(
  { audit }: Pick<Telemetry, "audit">,
  event: AuditEvent,
  fields: AuditFields,
): void {
  try {
    audit?.enter(event, fields);
  } catch {
    // Told and counted already.
  }
}
