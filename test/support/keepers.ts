import { readdirSync, readFileSync } from "node:fs";

/** The processes that look after what a server leaves behind when it is killed. */
export function keepersOf(server: number): number[] {
  const children = readdirSync(`/proc/${server}/task`).flatMap((task) =>
    readFileSync(`/proc/${server}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  const isKeeper = (child: string) =>
    readFileSync(`/proc/${child}/cmdline`, "utf8").includes("codex-keeper");
  return children.filter(isKeeper).map(Number);
}
