import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { RpcError } from "../src/protocol/errors.ts";
import type { HostPath } from "../src/protocol/path-uri.ts";
import { type Sandbox, sandbox } from "../src/protocol/sandbox.ts";
import { policyOf } from "../src/sandbox/policy/policy.ts";
import { type Json, oddValue, spoilt, validParams } from "./support/fuzz-params.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** Set it to 100000 for the long run. */
const messagesWanted = Number(process.env.FUZZ_MESSAGES ?? 2000);
/**
 * Lines for one worker: more of them, nested as deep as some are, would be too long for a string.
 */
const linesEach = 2000;
const main = fileURLToPath(new URL("../src/fs-helper/main.ts", import.meta.url));

/** What a worker of its own answers to these lines, until their end. */
async function answersTo(input: string | Buffer): Promise<string[]> {
  const worker = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), main], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  worker.stdin.end(input);
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  const output = await text(worker.stdout);
  assert.equal(await exited, 0);
  return output.split("\n").slice(0, -1);
}

function helperLine(playground: string): fc.Arbitrary<string> {
  const params = Object.entries(validParams(playground)).filter(([name]) => name.startsWith("fs/"));
  const requests = params.map(([operation, valid]) =>
    fc
      .tuple(valid, fc.nat({ max: 40 }), fc.option(oddValue))
      .map(([good, at, odd]) => (odd === null ? good : spoilt(good, at, odd)))
      .map((given: Json) => JSON.stringify({ operation, params: given })),
  );
  const odd = oddValue.map((value) => JSON.stringify({ operation: value, params: value }));
  const garbage = fc.constantFrom("{", "null", "[]", " ", "\u0000", "[".repeat(100_000), '{"a":1}');
  return fc.oneof({ weight: 8, arbitrary: fc.oneof(...requests) }, odd, garbage);
}

async function checkAnswers(lines: readonly string[]): Promise<void> {
  const answers = await answersTo(`${lines.join("\n")}\n`);
  assert.equal(answers.length, lines.length);
  for (const [at, answer] of answers.entries()) {
    const { status, payload } = JSON.parse(answer);
    assert.ok(status === "ok" || Number.isInteger(payload.code), answer);
    if (status === "ok") assert.equal(payload.operation, JSON.parse(lines[at] ?? "").operation);
  }
}

describe("whatever a worker for confined files reads", () => {
  test("every line is answered by one line, in order, and the worker ends well", {
    timeout: 60_000 + messagesWanted * 20,
  }, async (t) => {
    const directory = temporaryFolder(t, "fuzz-helper");
    for (let left = messagesWanted; left > 0; left -= linesEach) {
      await checkAnswers(fc.sample(helperLine(`file://${directory}/`), Math.min(left, linesEach)));
    }
  });

  test("bytes that are no text, empty lines and a last line without its end do no harm", async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x0a, 0x0a, 0x0a, 0x7b, 0x00]);
    const answers = await answersTo(bytes);
    assert.deepEqual(
      answers.map((answer) => JSON.parse(answer).payload.code),
      [-32700, -32700],
    );
  });
});

const uri = fc.constantFrom(
  "file:///",
  "file:///w",
  "file:///w/.git",
  "file:///w/a%20b",
  "file:///",
);
const entry = fc.record(
  {
    path: fc.oneof(
      fc.record({ type: fc.constant("path"), path: uri }),
      fc.record({
        type: fc.constant("glob_pattern"),
        pattern: fc.constantFrom("**/*.env", "/w/**", "~/x", "", "[", "{a,b", "../..", "\0"),
      }),
      fc.record({
        type: fc.constant("special"),
        value: fc.record({
          kind: fc.constantFrom(
            "root",
            "minimal",
            "project_roots",
            "tmpdir",
            "slash_tmp",
            "unknown",
          ),
          subpath: fc.option(fc.constantFrom("", "a", "../../etc", "/abs", ".git", "\ud800")),
        }),
      }),
    ),
    access: fc.constantFrom("read", "write", "deny", "none"),
    missing_path_behavior: fc.option(fc.constantFrom("skip", "", "other")),
  },
  { requiredKeys: ["path", "access"] },
);
const policyObject = fc.record(
  {
    permissions: fc.record({
      type: fc.constant("managed"),
      file_system: fc.record({
        type: fc.constant("restricted"),
        entries: fc.array(entry, { maxLength: 8 }),
      }),
      network: fc.constantFrom("restricted", "enabled"),
    }),
    cwd: fc.option(uri),
    workspaceRoots: fc.option(fc.array(uri, { maxLength: 3 })),
    windowsSandboxLevel: fc.constantFrom("disabled", "mxc"),
  },
  { requiredKeys: ["permissions", "windowsSandboxLevel"] },
) as fc.Arbitrary<Json>;

describe("whatever sandbox object a client sends", () => {
  const surroundings = { cwd: "/w" as HostPath, home: "/h" as HostPath };

  /** Undefined for one that is refused with words. */
  function policyFor(given: Sandbox) {
    try {
      return policyOf(given, surroundings);
    } catch (error) {
      assert.ok(error instanceof RpcError, String(error));
      return undefined;
    }
  }

  test("is understood or refused in words, and never grants more than its entries", () => {
    const given = fc
      .tuple(policyObject, fc.nat({ max: 40 }), fc.option(oddValue))
      .map(([good, at, odd]) => (odd === null ? good : spoilt(good, at, odd)));
    let understood = 0;
    fc.assert(
      fc.property(given, (object) => {
        const parsed = sandbox().safeParse(object);
        const policy = parsed.success ? policyFor(parsed.data) : undefined;
        if (!policy || !parsed.success) return;
        understood++;
        const words = JSON.stringify(parsed.data.permissions);
        const mayWrite = policy.rules.some(({ access }) => access === "write");
        if (policy.confinesFiles && mayWrite) assert.match(words, /"access":"write"/);
        const paths = policy.rules.map(({ path }) => path);
        assert.deepEqual(paths, [...new Set(paths)], "one rule for a path");
        assert.ok(paths.every((path) => path.startsWith("/")));
      }),
      { numRuns: messagesWanted },
    );
    assert.ok(understood > messagesWanted / 10);
  });

  test("keeps what one entry denies denied, whatever the others say", () => {
    const secret = { path: { type: "path", path: "file:///w/secret" }, access: "deny" };
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), fc.nat({ max: 8 }), (entries, at) => {
        const all = [...entries.slice(0, at), secret, ...entries.slice(at)];
        const files = { type: "restricted", entries: all };
        const given = sandbox().parse({
          permissions: { type: "managed", file_system: files, network: "restricted" },
          workspaceRoots: ["file:///w/secret/below", "file:///w"],
          windowsSandboxLevel: "disabled",
        });
        const rules = policyFor(given)?.rules ?? [];
        const over = rules.filter(({ path }) => "/w/secret/".startsWith(`${path}/`));
        assert.equal(over.at(-1)?.access ?? "deny", "deny");
        assert.ok(!rules.some(({ path }) => path.startsWith("/w/secret/")));
      }),
      { numRuns: messagesWanted },
    );
  });
});
