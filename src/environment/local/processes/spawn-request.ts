import type { Buffer } from "node:buffer";
import { invalidParams, messageOf } from "../../../protocol/errors.ts";
import type { Params } from "../../../protocol/methods.ts";
import { hostPath, nodePath } from "../../../protocol/path-uri.ts";
import { childEnvironment, type Variables } from "../spawn/start/child-env.ts";
import type { SpawnRequest } from "../spawn/start/spawner.ts";

/**
 * Makes the spawner's request from `process/start`. Checked in the order of the reference: the
 * directory first, then the program; both refusals are -32602.
 */
export function spawnRequest(
  params: Params<"process/start">,
  executorEnv: Variables,
): SpawnRequest {
  const cwd = directoryOf(params.cwd);
  const [program, ...rest] = params.argv;
  if (program === undefined) throw invalidParams("argv must not be empty");
  return {
    argv: [program, ...rest],
    arg0: params.arg0 ?? undefined,
    env: childEnvironment({ executorEnv, policy: params.envPolicy, overlay: params.env }),
    cwd,
    stdio: params.tty ? "pty" : params.pipeStdin ? "pipes+stdin" : "pipes",
    size: params.size ?? undefined,
  };
}

function directoryOf(uri: string): string | Buffer {
  try {
    return nodePath(hostPath(uri));
  } catch (error) {
    throw invalidParams(
      `cwd URI \`${uri}\` is not valid on this exec-server host: ${messageOf(error)}`,
    );
  }
}
