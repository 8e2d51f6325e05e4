import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { launchServer } from "./support/server.ts";

async function codex(args: string[], env: Record<string, string> = {}) {
  const { ended, stdout, stderr } = launchServer({ args, env });
  const { code } = await ended();
  return { code, stdout: stdout(), stderr: stderr() };
}

describe("codex exec-server --help", () => {
  const rows: [string, string[], RegExp[]][] = [
    [
      "the server",
      ["--help"],
      [
        /--max-message <BYTES> .*default: 64MiB/,
        /--log-level <LEVEL>[\s\S]*default: "warn"/,
        /CODEX_HOME/,
        /Examples:\n +\$ codex exec-server\n/,
      ],
    ],
    ["the doctor", ["doctor", "--help"], [/--json/, /Exit code:/, /\$ codex exec-server doctor/]],
    ["audit verify", ["audit", "verify", "--help"], [/--last <HASH>/, /Exit code:/, /Example:/]],
  ];
  for (const [title, args, patterns] of rows) {
    test(`tells of ${title}: defaults, what it reads, examples`, async () => {
      const { code, stdout } = await codex(args);
      assert.equal(code, 0);
      for (const pattern of patterns) assert.match(stdout, pattern);
    });
  }
});

describe("what cannot be understood is refused with a hint:", () => {
  const rows: [string, string[], RegExp][] = [
    [
      "a misspelt option",
      ["--max-sesions", "3"],
      /unknown option.*\n?.*Did you mean --max-sessions/,
    ],
    [
      "a misspelt command",
      ["docter"],
      /unknown command .docter.; the commands here are: doctor, audit\n/,
    ],
    ["a number that is none", ["--max-sessions", "many"], /whole number greater than 0/],
    ["nothing allowed", ["--max-connections", "0"], /whole number greater than 0/],
    ["a size that is none", ["--max-message", "64 parsecs"], /such as 4096, 512KiB or 64MiB/],
    ["no time at all", ["--session-ttl", "0"], /seconds greater than 0/],
    ["more time than a timer takes", ["--session-ttl", "2147484"], /and at most 2147483/],
    [
      "a level that is none",
      ["--log-level", "loud"],
      /Allowed choices are debug, info, warn, error/,
    ],
    [
      "a place for the audit log that is none",
      ["--audit-log", "/no/such/folder/x"],
      /the audit log \/no\/such\/folder\/x cannot be opened: ENOENT/,
    ],
    ["no file to verify", ["audit", "verify"], /missing required argument 'FILE'/],
    [
      "a second file to verify",
      ["audit", "verify", "/dev/null", "/dev/null"],
      /too many arguments for 'verify'/,
    ],
    ["a word behind the doctor", ["doctor", "--json", "now"], /too many arguments for 'doctor'/],
    ["no bytes allowed", ["--max-spill", "0"], /bytes greater than 0/],
  ];
  for (const [title, args, complaint] of rows) {
    test(title, async () => {
      const { code, stdout, stderr } = await codex(args);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.match(stderr, /^Error: /);
      assert.match(stderr, complaint);
    });
  }
});

describe("a command whose findings cannot be written", () => {
  const rows: [string, string, RegExp][] = [
    ["says so", 'exec "$@" >/dev/full', /^Error: stdout cannot be written: ENOSPC.*\n$/],
    ["is quiet for a reader that has gone", '"$@" | true', /^$/],
  ];
  for (const [title, script, told] of rows) {
    test(title, { skip: process.platform !== "linux" }, async () => {
      const startedBy = ["/bin/sh", "-c", script, "sh"] as const;
      for (const args of [["doctor"], ["audit", "verify", "/dev/null"]]) {
        const { ended, stderr } = launchServer({ args, startedBy });
        await ended();
        assert.match(stderr(), told);
      }
    });
  }
});

describe("codex exec-server doctor", () => {
  interface Check {
    readonly name: string;
    readonly status: string;
    readonly finding: string;
    readonly fix?: string;
  }
  const checksOf = (stdout: string): Check[] => JSON.parse(stdout).checks;

  test("prints what it found, and tells by its exit code whether all is well", async () => {
    const { code, stdout } = await codex(["doctor", "--json"]);
    const checks = checksOf(stdout);
    const names = ["node", "terminals", "sandbox", "cgroup", "temporary space", "open files"];
    for (const name of names)
      assert.ok(
        checks.some((check) => check.name === name),
        name,
      );
    const isWell = checks.every(({ status }) => status !== "failed");
    assert.equal(code, isWell ? 0 : 1);
    const table = await codex(["doctor"]);
    assert.equal(table.code, code);
    for (const { name, finding } of checks.slice(0, 5)) {
      assert.ok(table.stdout.includes(name) && table.stdout.includes(finding), table.stdout);
    }
  });

  test("fails with the fix where there is no bwrap", async () => {
    const { code, stdout } = await codex(["doctor", "--json"], { PATH: "/nonexistent" });
    const sandbox = checksOf(stdout).find(({ name }) => name === "sandbox");
    assert.equal(code, 1);
    assert.equal(sandbox?.status, "failed");
    assert.match(sandbox?.fix ?? "", /bubblewrap/);
    const table = await codex(["doctor"], { PATH: "/nonexistent" });
    assert.match(table.stdout, /sandbox +failed .*\n +fix: +install bubblewrap/);
  });
});
