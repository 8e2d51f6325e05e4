import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { launchServer, startServer } from "./support/server.ts";

const folder = mkdtempSync(join(tmpdir(), "audit-"));
after(() => rmSync(folder, { recursive: true }));

const linesOf = (file: string) => readFileSync(file, "utf8").trimEnd().split("\n");

async function verify(...args: string[]) {
  const verifier = launchServer({ args: ["audit", "verify", ...args] });
  const { code } = await verifier.exited;
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

  test("starts nothing that it cannot enter", async (t) => {
    const file = join(folder, "foreign.jsonl");
    const server = await startServer(t, { args: ["--audit-log", file] });
    const client = await connect(server.url);
    await client.initialize();
    appendFileSync(file, "somebody else was here\n");
    await assert.rejects(run(client, { argv: ["/bin/true"] }), /changed by somebody else/);
  });

  test("refuses a file that is none, and a last line that is cut", async (t) => {
    const file = join(folder, "cut.jsonl");
    await recordOnce(t, file);
    for (const text of ["hello\n", readFileSync(file, "utf8").slice(0, -5)]) {
      writeFileSync(file, text);
      const server = launchServer({ args: ["--audit-log", file] });
      assert.equal((await server.exited).code, 1);
      assert.match(server.stderr(), /^Error: the audit log .* does not end with a whole line/);
      assert.equal(server.stdout(), "");
    }
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

  test("says when there is no such file", async () => {
    const { code, stderr } = await verify(join(folder, "missing.jsonl"));
    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*no such file/);
  });
});
