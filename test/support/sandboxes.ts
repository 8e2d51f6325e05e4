import assert from "node:assert/strict";
import type { Sandbox } from "../../src/protocol/sandbox.ts";
import type { LocalSandbox } from "../../src/sandbox/sandbox.ts";
import type { SandboxHealth } from "../../src/sandbox/sandbox-machine.ts";
import { until } from "./until.ts";

type Managed = Extract<Sandbox["permissions"], { type: "managed" }>;
type Restricted = Extract<Managed["file_system"], { type: "restricted" }>;
export type Entry = Restricted["entries"][number];
type Access = Entry["access"];
type SpecialKind = Extract<Entry["path"], { type: "special" }>["value"]["kind"];

export const uri = (path: string) => (path.startsWith("file:") ? path : `file://${path}`);

export const place = (path: string, access: Access): Entry => ({
  path: { type: "path", path: uri(path) },
  access,
});

export const special = (kind: SpecialKind, access: Access, subpath?: string): Entry => ({
  path: { type: "special", value: { kind, subpath } },
  access,
});

export const glob = (pattern: string, access: Access = "deny"): Entry => ({
  path: { type: "glob_pattern", pattern },
  access,
});

export const sandboxOf = (
  entries: Entry[],
  more: Partial<Sandbox> & { network?: "restricted" | "enabled" } = {},
): Sandbox => {
  const { network = "restricted", ...rest } = more;
  const file_system = { type: "restricted" as const, entries };
  return {
    permissions: { type: "managed", file_system, network },
    windowsSandboxLevel: "disabled",
    ...rest,
  };
};

/** Everything readable, `path` writable. */
export const workspaceWrite = (path: string, ...more: Entry[]) =>
  sandboxOf([special("root", "read"), place(path, "write"), ...more]);

/** Only `path`, and programs of the system where `minimal` is asked for. */
export const workspaceOnly = (path: string, access: Access = "write", ...more: Entry[]) =>
  sandboxOf([place(path, access), ...more]);

/** What a sandbox says of itself once bwrap was tried, for which no client has to wait. */
export async function healthOf(sandbox: LocalSandbox): Promise<SandboxHealth> {
  let health: SandboxHealth | undefined;
  await until("the end of the trial", async () => {
    health = await sandbox.health();
    return !health.reason?.includes("still being tried");
  });
  assert.ok(health);
  return health;
}
