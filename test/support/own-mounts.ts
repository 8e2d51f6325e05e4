import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Whether this process sees mounts that nobody else does, and may change them. */
export const hasOwnMounts = process.env.TEST_HAS_OWN_MOUNTS === "1";

/** Runs the tests of a file once more, in a mount namespace of their own; its url is given. */
export function testInOwnMounts(url: string): void {
  const itself = ["--import", "tsx", "--test", fileURLToPath(url)];
  const inNamespace = ["--mount", "--propagation", "private", process.execPath, ...itself];
  const env = { ...process.env, TEST_HAS_OWN_MOUNTS: "1", NODE_TEST_CONTEXT: undefined };
  const { status, stdout } = spawnSync("unshare", inNamespace, { env, encoding: "utf8" });
  assert.equal(status, 0, stdout);
}

/** Why a test cannot mount anything, if so. */
export function mountHindrance(): string | false {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root may mount";
  const unshare = ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt"];
  return spawnSync("unshare", unshare).status === 0 ? false : "nothing can be mounted here";
}
