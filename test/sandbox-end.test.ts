import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { hasPython, pythonScript } from "./support/escape-programs.ts";
import { uri, workspaceWrite } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/**
 * Has the first process of the sandbox forget that it is to die with bwrap, and wait for ever; then
 * tells bwrap in its name that the command has ended, and stays.
 */
const outlive = `
import ctypes, os, time
libc = ctypes.CDLL(None)
def waitsIn(): return open("/proc/1/syscall").read().split()
pauses = bytes.fromhex("b822000000" "0f05" "ebf7")
forgets = bytes.fromhex("b89d000000" "bf01000000" "31f6" "0f05" "b870000000" "0f05")
at = int(waitsIn()[-1], 16)
os.pwrite(os.open("/proc/1/mem", os.O_RDWR), forgets + pauses, at)
if os.fork() == 0:
    if os.fork() == 0: time.sleep(0.01)
    os._exit(0)
while waitsIn()[0] != "34": time.sleep(0.01)
for stream in range(3): os.dup2(os.open("/dev/null", os.O_RDWR), stream)
first = libc.syscall(434, 1, 0)
for number in range(3, 10):
    end = libc.syscall(438, first, number, 0)
    if end >= 0: os.write(end, (1).to_bytes(8, "little"))
while True: time.sleep(1)`;

const outliving = { skip: !hasPython || process.arch !== "x64" };

test("nothing is left of a sandbox of which the end has been told", outliving, async (t) => {
  const workspace = temporaryFolder(t, "sandbox-end");
  const mark = randomUUID();
  const { url } = await startServer(t);
  const client = await connect(url);
  await client.initialize();
  await client.request("process/start", {
    processId: "p",
    argv: ["/bin/sh", "-c", `: ${mark}; ${pythonScript(outlive)}`],
    cwd: uri(workspace),
    env: { PATH: process.env.PATH ?? "" },
    tty: false,
    sandbox: workspaceWrite(workspace),
  });
  await client.event("process/exited");
  const left = bearers(mark);
  killAfter(t, left);
  assert.deepEqual(left, []);
  await client.close();
});

/** Whoever has that text among its arguments. */
function bearers(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
    } catch {
      return false;
    }
  });
}

function killAfter(t: TestContext, pids: readonly string[]): void {
  t.after(() => {
    for (const pid of pids) process.kill(Number(pid), "SIGKILL");
  });
}
