import { invalidParams } from "../../protocol/errors.ts";
import type { Params } from "../../protocol/methods.ts";
import type { Sandbox } from "../../protocol/sandbox.ts";
import type { LocalSandbox } from "../../sandbox/sandbox.ts";
import type { SpawnRequest } from "./spawn/spawner.ts";
import { checkStrings } from "./spawn/start-failure.ts";

/** A start that is confined, and what has to be done for it afterwards. */
export interface Confinement {
  readonly request: SpawnRequest;
  /** The start is over. */
  started(): void;
  /** The process has ended, or could not be started. */
  ended(): Promise<void>;
}

/** Undefined when nothing confines the process: nobody asked, or what was asked for is nothing. */
export async function confinementOf(
  params: Params<"process/start">,
  request: SpawnRequest,
  sandbox: LocalSandbox | undefined,
): Promise<Confinement | undefined> {
  if (!params.sandbox || asksForNothing(params.sandbox)) return undefined;
  if (!sandbox) throw unenforceable("it has no sandbox for processes");
  checkStrings(request);
  const confined = await sandbox.confine(params.sandbox, request);
  if (!confined) return undefined;
  const { argv, env, cwd, fds } = confined.request;
  const { started, ended } = confined;
  return { request: { ...request, arg0: undefined, argv, env, cwd, fds }, started, ended };
}

function asksForNothing({ permissions }: Sandbox): boolean {
  if (permissions.type === "managed") return false;
  return permissions.type === "disabled" || permissions.network === "enabled";
}

/** There is no proxy here through which alone the network could be reached: nothing is started. */
export function refuseManagedNetwork({ sandbox, enforceManagedNetwork }: Params<"process/start">) {
  if (!sandbox || !enforceManagedNetwork) return;
  throw unenforceable(
    "enforceManagedNetwork needs a network proxy, which this server does not have; " +
      "leave it out and use network `restricted`",
  );
}

function unenforceable(why: string) {
  return invalidParams(`sandbox intent cannot be enforced on this executor: ${why}`);
}
