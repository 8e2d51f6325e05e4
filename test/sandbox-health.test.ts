import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { examine, type Outcome } from "../src/sandbox/bwrap/health.ts";
import { explain } from "../src/sandbox/bwrap/health-reasons.ts";
import { localSandbox } from "../src/sandbox/sandbox.ts";
import { SandboxMachine } from "../src/sandbox/sandbox-machine.ts";
import { healthOf, uri, workspaceOnly, workspaceWrite } from "./support/sandboxes.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const help = "  --argv0 NAME\n  --as-pid-1\n  --ro-bind SRC DEST";

/** A sandbox whose bwrap is this shell script; `$*` are its arguments. */
function withBwrap(t: TestContext, script: string | undefined) {
  const directory = mkdtempSync(join(tmpdir(), "health-"));
  mkdirSync(join(directory, "bin"));
  mkdirSync(join(directory, "ws"));
  const bwrap = join(directory, "bin/bwrap");
  if (script !== undefined) {
    writeFileSync(bwrap, `#!/bin/sh\n[ "$1" = --help ] && { echo '${help}'; exit; }\n${script}\n`);
    chmodSync(bwrap, 0o755);
  }
  const variables = { PATH: join(directory, "bin"), TMPDIR: directory };
  const sandbox = localSandbox({ variables, cwd: "/" });
  t.after(async () => {
    await sandbox.close();
    rmSync(directory, { recursive: true });
  });
  return { sandbox, bwrap, directory, workspace: join(directory, "ws") };
}

const says = (text: string) => `echo "bwrap: ${text}" >&2; exit 1`;

const failures: [title: string, script: string | undefined, reason: RegExp, fix: RegExp][] = [
  ["bwrap is missing", undefined, /bwrap \(bubblewrap\) is not on the PATH/, /install bubblewrap/],
  [
    "user namespaces are off",
    says("No permissions to create new namespace, likely because the kernel does not allow it"),
    /creating user namespaces is not permitted/,
    /unprivileged_userns_clone/,
  ],
  [
    "a container refuses namespaces",
    says("Creating new namespace failed: Operation not permitted"),
    /not permitted/,
    /seccomp=unconfined/,
  ],
  [
    "the limit of namespaces is 0",
    says(
      "Creating new namespace failed: nesting depth or " +
        "/proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
    ),
    /limit of user namespaces/,
    /max_user_namespaces/,
  ],
  [
    "AppArmor restricts it",
    says("setting up uid map: Permission denied"),
    /AppArmor/,
    /apparmor_restrict_unprivileged_userns/,
  ],
  [
    "neither a network nor anything else works",
    says("loopback: Failed RTM_NEWADDR: Operation not permitted"),
    /network namespaces/,
    /CAP_NET_ADMIN/,
  ],
  [
    "procfs is refused whatever is tried",
    says("Can't mount proc on /newroot/proc: Operation not permitted"),
    /procfs/,
    /systempaths=unconfined/,
  ],
  [
    "it is setuid",
    says("Unexpected capabilities but not setuid, old file caps config?"),
    /setuid/,
    /chmod u-s \//,
  ],
  ["WSL1", says("Creating new namespace failed: Invalid argument"), /WSL1/, /WSL2/],
  ["it is old", says("Unknown option --die-with-parent"), /too old/, /bubblewrap 0\.5/],
];
for (const [title, script, reason, fix] of failures) {
  test(`health: ${title}`, async (t) => {
    const { sandbox, workspace: directory } = withBwrap(t, script);
    const health = await healthOf(sandbox);
    assert.equal(health.available, false);
    assert.match(health.reason ?? "", reason);
    assert.match(health.fix ?? "", fix);
    const write = sandbox.files().call(workspaceWrite(directory));
    const params = { path: uri(join(directory, "f")), dataBase64: "" };
    await assert.rejects(
      write("fs/writeFile", params),
      /the sandbox cannot be set up: .*To fix it/,
    );
    assert.equal(existsSync(join(directory, "f")), false);
  });
}

test("health: unknown failures are told in bwrap's own words", () => {
  const bwrap = { path: "/b/bwrap", identity: "", isSetuid: false };
  const { reason } = explain({ complaint: "bwrap: all is lost\nmore", bwrap, kernel: "6.1" });
  assert.equal(reason, "bwrap at /b/bwrap failed: bwrap: all is lost");
});

test("health: WSL1 is known by its kernel", () => {
  const { fix } = explain({ complaint: "bwrap: what?", kernel: "4.4.0-19041-Microsoft" });
  assert.match(fix ?? "", /wsl --set-version/);
});

const degraded: [title: string, option: string, refused: string][] = [
  ["a network namespace", "--unshare-net", "loopback: Failed RTM_NEWADDR: Operation not permitted"],
  ["procfs", "--proc", "Can't mount proc on /newroot/proc: Operation not permitted"],
];
for (const [title, option, message] of degraded) {
  test(`health: where only ${title} is refused, the rest is used`, async (t) => {
    const inner = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"';
    const script = `case " $* " in *" ${option} "*) ${says(message)};; esac\n${inner}`;
    const { sandbox, workspace: directory } = withBwrap(t, script);
    assert.deepEqual(await healthOf(sandbox), { available: true });
    const write = sandbox.files().call(workspaceWrite(directory));
    await write("fs/writeFile", { path: uri(join(directory, "f")), dataBase64: "" });
    assert.ok(existsSync(join(directory, "f")));
  });
}

test("health: a bwrap that works no more when it is needed is told of with the fix, too", async (t) => {
  const no = says("No permissions to create new namespace");
  const inner = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"';
  const script = `[ -e "\${0%/*}/forbidden" ] && { ${no}; }\n${inner}`;
  const { sandbox, bwrap, workspace: directory } = withBwrap(t, script);
  assert.deepEqual(await healthOf(sandbox), { available: true });
  writeFileSync(join(dirname(bwrap), "forbidden"), "");
  const write = sandbox.files().call(workspaceWrite(directory));
  const params = { path: uri(join(directory, "f")), dataBase64: "" };
  const told =
    /the sandbox cannot be set up: .* not permitted here.*\(bwrap: No.*To fix it: sysctl/;
  await assert.rejects(write("fs/writeFile", params), told);
});

test("health: no weaker mode is taken because processes were short for a moment", async (t) => {
  const complaint = "Can't fork for pid 1: Resource temporarily unavailable";
  const directory = temporaryFolder(t, "health");
  const [path, once] = [join(directory, "bwrap"), join(directory, "once")];
  const script = `#!/bin/sh\n[ -e ${once} ] && exit; : >${once}; ${says(complaint)}\n`;
  writeFileSync(path, script, { mode: 0o755 });
  const bwrap = { path, identity: "", isSetuid: false };
  const health = await examine(bwrap);
  assert(!health.abilities);
  assert.match(
    health.explanation.reason,
    /^the limit of processes .*\(bwrap: Can't fork for pid 1/,
  );
  assert.deepEqual((await examine(bwrap)).abilities, { ownNetwork: true, ownProc: true });
});

test("health: a bwrap that the sandbox could write is not used for it", async (t) => {
  const { sandbox, directory } = withBwrap(t, "exit 0");
  const write = sandbox.files().call(workspaceWrite(directory));
  const params = { path: uri(join(directory, "f")), dataBase64: "" };
  await assert.rejects(write("fs/writeFile", params), /not on the PATH .* writable folder/);
});

test("a bwrap from where some sandbox could write is used for none", async (t) => {
  const directory = temporaryFolder(t, "health");
  const [workspace, marker] = [join(directory, "ws"), join(directory, "escaped")];
  const planted = join(workspace, "bin/bwrap");
  const variables = { PATH: `${dirname(planted)}:${process.env.PATH}`, TMPDIR: directory };
  mkdirSync(workspace);
  const sandbox = localSandbox({ variables, cwd: "/" });
  t.after(() => sandbox.close());
  const write = sandbox.files().call(workspaceWrite(workspace));
  await write("fs/createDirectory", { path: uri(dirname(planted)) });
  writeFileSync(planted, `#!/bin/sh\necho >> ${marker}\n`, { mode: 0o755 });
  const read = sandbox.files().call(workspaceOnly(directory, "read"));
  await read("fs/readFile", { path: uri(planted) });
  assert.deepEqual(await healthOf(sandbox), { available: true });
  assert.ok(!existsSync(marker));
});

test("a bwrap that is being replaced keeps nobody from connecting", async (t) => {
  const { sandbox, bwrap } = withBwrap(t, "exit 0");
  const writing = openSync(bwrap, "r+");
  t.after(() => closeSync(writing));
  const { available, reason } = await healthOf(sandbox);
  assert.equal(available, false);
  assert.match(reason ?? "", /ETXTBSY/);
});

const fine: Outcome = { works: true, stdout: "--argv0", complaint: "" };
const refused: Outcome = { ...fine, works: false, complaint: "no", isUnknown: true };
const bwrap = { path: "/b/bwrap", identity: "", isSetuid: false };

test("what starts commands is found when there was no process for the first look", async () => {
  const outcomes = [refused, fine, refused, fine, fine];
  const run = async () => outcomes.shift() ?? fine;
  const { launcher } = new SandboxMachine({ variables: {}, cwd: "/", run });
  for (const _ of outcomes.slice(0, 2)) await assert.rejects(launcher(), { message: /: no$/ });
  assert.equal((await launcher())?.renames, true);
});

test("what bwrap can do is found out when there was no process for the first look", async () => {
  const outcomes = [fine, refused, fine];
  const health = await examine(bwrap, async () => outcomes.shift() ?? fine);
  assert.ok(health.abilities);
  await assert.rejects(health.argv0(), { message: /: no$/ });
  assert.equal(await health.argv0(), true);
});

test("a bwrap for which there was no process is not said to do less than it can", async () => {
  const outcomes = [refused];
  const { abilities } = await examine(bwrap, async () => outcomes.shift() ?? fine);
  assert.equal(abilities, undefined);
});
