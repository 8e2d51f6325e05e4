import { invalidParams } from "../../protocol/errors.ts";
import type { Params } from "../../protocol/methods.ts";

/**
 * Refuses a process that is to be confined: running it free instead would be worse than not at all.
 * `disabled` and an external sandbox with an open network ask for nothing.
 */
export function refuseConfinement(params: Params<"process/start">): void {
  const { sandbox, enforceManagedNetwork } = params;
  if (!sandbox) return;
  if (enforceManagedNetwork) throw unenforceable("the managed network cannot be enforced here");
  const { permissions } = sandbox;
  if (permissions.type === "disabled") return;
  if (permissions.type === "external" && permissions.network === "enabled") return;
  throw unenforceable(`permissions of type \`${permissions.type}\` need a sandbox for processes`);
}

function unenforceable(why: string) {
  return invalidParams(`sandbox intent cannot be enforced on this executor: ${why}`);
}
