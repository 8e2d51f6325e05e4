import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { Ground, secret } from "./support/escape-ground.ts";
import { hasPython, pythonScript } from "./support/escape-programs.ts";
import { place, workspaceWrite } from "./support/sandboxes.ts";

/**
 * Takes all mounts away, in a user namespace of its own, from all but the workspace that it had
 * open before. Then it moves what those mounts protected.
 */
const asideFromMounts = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
workspace = os.open(".", os.O_RDONLY)
os.mkdir("root")
steps = [
    lambda: libc.unshare(0x10020000),
    lambda: libc.mount(b"none", b"/", None, 0x44000, None),
    lambda: libc.mount(b"root", b"root", None, 0x1000, None),
    lambda: os.chdir("root"),
    lambda: libc.syscall(${process.arch === "arm64" ? 41 : 155}, b".", b"."),
    lambda: libc.umount2(b".", 2),
]
for step in steps:
    if step() == -1: print(os.strerror(ctypes.get_errno()))
for old, new in [(".git", "git"), ("hidden", "shown")]:
    os.rename(old, new, src_dir_fd=workspace, dst_dir_fd=workspace)
os.mkdir(".git", dir_fd=workspace)
os.open(".git/planted", os.O_CREAT | os.O_WRONLY, dir_fd=workspace)`;

test("what is cut out of a workspace cannot be moved aside by who takes its mounts away", {
  skip: !hasPython,
}, async () => {
  const ground = new Ground();
  try {
    writeFileSync(ground.at("ws/hidden"), secret);
    const sandbox = workspaceWrite(ground.at("ws"), place(ground.at("ws/hidden"), "deny"));
    const moving = await ground.shell(pythonScript(asideFromMounts), sandbox);
    assert.deepEqual(ground.damage(), [], moving);
    assert.match(moving, /Operation not permitted/);
    const reading = await ground.shell("cat hidden shown", sandbox);
    assert.doesNotMatch(reading, new RegExp(secret));
    assert.match(reading, /Permission denied/);
  } finally {
    await ground.clear();
  }
});
