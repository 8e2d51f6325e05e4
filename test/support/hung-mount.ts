import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { within } from "./within.ts";

/** Why a hung mount cannot be made here; undefined when it can. */
export function hungMountHindrance(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may mount";
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
    execFileSync("mount", ["--version"], { stdio: "ignore" });
  } catch (error) {
    return `a file system that hangs needs FUSE: ${(error as Error).message}`;
  }
  return undefined;
}

export interface HungMount {
  /** Every call about what lies in this directory hangs until the end of the test. */
  readonly directory: string;
  /** Lets the calls that hang fail, as if the network was given up. */
  release(): Promise<void>;
}

/**
 * A file system whose server is there and never answers, like a network mount whose far end is
 * gone. The descriptor of the mount belongs to a process of its own, with whose end every call
 * fails. It covers what was in `directory`, which is removed at the end of the test.
 */
export async function hungMount(
  scope: { after(done: () => Promise<void>): void },
  directory = mkdtempSync(join(tmpdir(), "hung-")),
): Promise<HungMount> {
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
  const script = `exec 3<>/dev/fuse; mount -i -t fuse -o ${options} hung "$0" && echo up; read end`;
  const holder = spawn("/bin/sh", ["-c", script, directory], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  let isReleased = false;
  const release = async () => {
    if (isReleased) return;
    isReleased = true;
    holder.stdin.end();
    await within(30_000, "the end of the mount's process", ended);
    execFileSync("umount", ["-l", directory]);
    rmSync(directory, { recursive: true });
  };
  scope.after(release);
  await within(30_000, "the mount", once(holder.stdout, "data"));
  return { directory, release };
}
