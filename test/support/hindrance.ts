import { spawnSync } from "node:child_process";

/** Why what is to be started by this cannot be tested here. */
export function hindrance([program, ...args]: readonly [string, ...string[]]): string | false {
  const { status } = spawnSync(program, [...args, "true"]);
  return status === 0 ? false : `this machine refuses \`${[program, ...args].join(" ")}\``;
}
