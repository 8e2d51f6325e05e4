import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { loggedNameCharsMax } from "../src/limits.ts";
import { connect } from "./support/client.ts";
import { run, start } from "./support/process.ts";
import { launchServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const folder = temporaryFolder({ after }, "audit");

const linesOf = (file: string) => readFileSync(file, "utf8").trimEnd().split("\n");

async function verify(...args: string[]) {
  const verifier = launchServer({ args: ["audit", "verify", ...args] });
  const { code } = await verifier.ended();
  return { code, stdout: verifier.stdout(), stderr: verifier.stderr() };
}

/** Runs a server that starts one process and fails to start another. */
async function recordOnce(t: { after(done: () => Promise<void>): void }, file: string) {
  const server = await startServer(t, { args: ["--audit-log", file] });
  const client = await connect(server.url);
  await client.initialize({ clientName: "the auditor" });
  await run(client, { processId: "p", argv: ["/bin/sh", "-c", "exit 3"] });
  await assert.rejects(
    client.request("process/start", {
      ...{ processId: "q", argv: ["/no/such/program"], cwd: "file:///" },
      ...{ env: {}, tty: false },
    }),
  );
  await client.close();
  await server.stop();
}

describe("the audit log", () => {
  test("tells who started what where, over restarts, and is ours alone to read", async (t) => {
    const file = join(folder, "told.jsonl");
    await recordOnce(t, file);
    await recordOnce(t, file);
    const entries = linesOf(file).map((line) => JSON.parse(line));
    const once = ["server-started", "session-opened", "process-started", "process-ended"];
    const whole = [...once, "process-started", "process-not-started", "session-ended"];
    assert.deepEqual(
      entries.map(({ event }) => event),
      [...whole, ...whole],
    );
    const { client, address } = entries[1];
    assert.deepEqual({ client, address }, { client: "the auditor", address: "127.0.0.1" });
    const { program, cwd, arguments: count } = entries[2];
    assert.deepEqual({ program, cwd, count }, { program: "/bin/sh", cwd: "file:///", count: 2 });
    assert.equal(entries[3].exitCode, 3);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const { code, stdout } = await verify(file);
    assert.deepEqual({ code, isWhole: stdout.includes("14 lines") }, { code: 0, isWhole: true });
  });

  const deeds: [string, (file: string) => void][] = [
    ["changed", (file) => appendFileSync(file, "somebody else was here\n")],
    ["removed", rmSync],
  ];
  for (const [deed, act] of deeds) {
    test(`starts nothing once it was ${deed} by somebody else`, async (t) => {
      const file = join(folder, `${deed}.jsonl`);
      const server = await startServer(t, { args: ["--audit-log", file] });
      const client = await connect(server.url);
      await client.initialize();
      act(file);
      const complaint = new RegExp(`was ${deed} by somebody else`);
      await assert.rejects(run(client, { argv: ["/bin/true"] }), complaint);
    });
  }

  test("is refused where nothing stays that is written", async (_t) => {
    const server = launchServer({ args: ["--audit-log", "/dev/null"] });
    assert.equal((await server.ended()).code, 1);
    assert.match(server.stderr(), /^Error: the audit log \/dev\/null is no regular file/);
  });

  test("goes on after the disk was full for a while, and tells what it cut off", async (t) => {
    const file = join(folder, "full.jsonl");
    const server = await startServer(t, { args: ["--audit-log", file] });
    const client = await connect(server.url);
    await client.initialize();
    await run(client, { processId: "before", argv: ["true"] });
    await start(client, { processId: "during", argv: ["cat"], pipeStdin: true });
    const limitFiles = (bytes: number | "unlimited") =>
      execFileSync("prlimit", ["--pid", `${server.pid}`, `--fsize=${bytes}:`]);
    limitFiles(statSync(file).size);
    await client.request("process/closeStdin", { processId: "during" });
    await client.event("process/closed", ({ processId }) => processId === "during");
    for (const room of [0, 50, 0, 70]) {
      limitFiles(statSync(file).size + room);
      await assert.rejects(run(client, { argv: ["true"] }), /cannot be written, so nothing is/);
    }
    limitFiles("unlimited");
    await run(client, { processId: "after", argv: ["true"] });
    await client.close();
    await server.stop();
    const started = linesOf(file).filter((line) => line.includes('"process-started"'));
    assert.equal(started.length, 3);
    const { code, stdout } = await verify(file);
    assert.deepEqual([code, stdout.match(/torn off/g)?.length], [0, 1]);
  });

  test("refuses a file that is none, and lines of somebody else behind its own", async (t) => {
    const file = join(folder, "none.jsonl");
    await recordOnce(t, file);
    const whole = readFileSync(file, "utf8");
    for (const text of ["hello\n", "hello", `${whole}hello\n`]) {
      writeFileSync(file, text);
      const server = launchServer({ args: ["--audit-log", file] });
      assert.equal((await server.ended()).code, 1);
      assert.match(
        server.stderr(),
        /^Error: the audit log .* does not end with a line of an audit/,
      );
      assert.equal(server.stdout(), "");
      assert.equal(readFileSync(file, "utf8"), text);
    }
  });

  const tears: [string, (whole: string) => string | Buffer, number][] = [
    ["a last line without its end", (whole) => whole.slice(0, -5), 14],
    ["a first line without its end", (whole) => whole.slice(0, 40), 8],
    ["a few bytes of a line", (whole) => `${whole}{"li`, 15],
    [
      "a character cut in the middle",
      (whole) => Buffer.from(`${whole}{"x":"ä`).subarray(0, -1),
      15,
    ],
    ["zeros, as after a loss of power", (whole) => `${whole}${"\0".repeat(5000)}`, 15],
    ["what looks like two lines", (whole) => `${whole}x\ny`, 15],
  ];
  for (const [title, tear, lines] of tears) {
    test(`goes on behind ${title}, and tells of it`, async (t) => {
      const file = join(folder, "torn.jsonl");
      rmSync(file, { force: true });
      await recordOnce(t, file);
      const torn = tear(readFileSync(file, "utf8"));
      writeFileSync(file, torn);
      assert.equal((await verify(file)).code, 1);
      await recordOnce(t, file);
      assert.ok(readFileSync(file).subarray(0, torn.length).equals(Buffer.from(torn)));
      const { code, stdout, stderr } = await verify(file);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      const last = `${lines} lines, chain unbroken`;
      assert.match(stdout, new RegExp(`: \\d+ bytes behind line .* torn off .*\\n.*: ${last}`));
      const pieces = readFileSync(file);
      pieces[torn.length - 1] = 63;
      writeFileSync(file, pieces);
      assert.match((await verify(file)).stderr, /is not a line of an audit log|does not follow/);
    });
  }

  test("goes on behind a last line that lacks nothing but its line feed", async (t) => {
    const file = join(folder, "unended.jsonl");
    await recordOnce(t, file);
    writeFileSync(file, readFileSync(file, "utf8").trimEnd());
    await recordOnce(t, file);
    assert.match((await verify(file)).stdout, /: 14 lines, chain unbroken/);
  });

  test("is gone on with after a kill, whatever a client has named its processes", async (t) => {
    const file = join(folder, "long.jsonl");
    const server = await startServer(t, { args: ["--audit-log", file] });
    const client = await connect(server.url);
    const long = "\u0001".repeat(70_000);
    await client.initialize({ clientName: long });
    assert.equal(JSON.parse(linesOf(file)[1] ?? "").client.length, loggedNameCharsMax);
    for (const path of [long, `/${long}`]) {
      const start = { processId: long, argv: [path], cwd: "file:///", env: {}, tty: false };
      await assert.rejects(client.request("process/start", start));
    }
    server.kill("SIGKILL");
    await server.exited;
    await startServer(t, { args: ["--audit-log", file] });
    assert.equal((await verify(file)).code, 0);
    assert.ok(statSync(file).size < 200_000);
  });
});

describe("codex exec-server audit verify", () => {
  const change = (index: number, from: string, to: string) => (lines: string[]) =>
    lines.map((line, at) => (at === index ? line.replace(from, to) : line));
  const rows: [string, (lines: string[]) => string[], RegExp][] = [
    ["a changed line", change(2, "/bin/sh", "/bin/ls"), /line 3 does not follow/],
    ["a changed first line", change(0, "ws:", "wx:"), /line 1 does not follow/],
    ["a changed last line", change(6, "stopped", "STOPPED"), /line 7 does not follow/],
    ["a removed line", (lines) => lines.toSpliced(3, 1), /line 4 does not follow/],
    ["a removed first line", (lines) => lines.slice(1), /line 1 does not follow/],
    [
      "two lines that changed places",
      (lines) => lines.toSpliced(1, 2, lines[2] ?? "", lines[1] ?? ""),
      /line 2 does/,
    ],
    ["a line twice", (lines) => lines.toSpliced(2, 0, lines[2] ?? ""), /line 4 does not follow/],
    ["a line of something else", (lines) => lines.toSpliced(2, 0, "{}"), /line 3 is not a line/],
  ];
  const whole = join(folder, "whole.jsonl");

  test("follows a chain to its end, and shows what was cut off by the last hash", async (t) => {
    await recordOnce(t, whole);
    const { code, stdout } = await verify(whole);
    const [, last = ""] =
      /^.*7 lines, chain unbroken, last hash ([0-9a-f]{64})\n$/.exec(stdout) ?? [];
    assert.equal(code, 0);
    assert.equal((await verify(whole, "--last", last)).code, 0);
    const cut = join(folder, "end-cut.jsonl");
    writeFileSync(cut, `${linesOf(whole).slice(0, -1).join("\n")}\n`);
    const { code: cutCode, stderr } = await verify(cut, "--last", last);
    assert.equal(cutCode, 1);
    assert.match(stderr, /lines are missing or new/);
  });

  for (const [title, tamper, complaint] of rows) {
    test(`finds ${title}`, async () => {
      const tampered = join(folder, "tampered.jsonl");
      writeFileSync(tampered, `${tamper(linesOf(whole)).join("\n")}\n`);
      const { code, stdout, stderr } = await verify(tampered);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.match(stderr, complaint);
    });
  }

  test("says at once that a large file without lines is none", async (_t) => {
    const file = join(folder, "large");
    writeFileSync(file, "");
    truncateSync(file, 4 * 2 ** 30);
    const verifier = launchServer({ args: ["audit", "verify", file] });
    assert.equal((await verifier.ended()).code, 1);
    assert.match(verifier.stderr(), /line 1 is not a line of an audit log/);
  });

  test("says when there is no such file", async () => {
    const { code, stderr } = await verify(join(folder, "missing.jsonl"));
    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*no such file/);
  });
});
