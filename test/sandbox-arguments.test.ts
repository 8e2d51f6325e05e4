import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { ProcessRequest } from "../src/sandbox/process-request.ts";
import { Ground } from "./support/escape-ground.ts";
import { glob, workspaceWrite } from "./support/sandboxes.ts";

type Given = Partial<Pick<ProcessRequest, "argv" | "env">>;

/** What a command prints that says that it runs. */
function run(t: TestContext, { argv = ["/bin/echo"], env = {} }: Given): Promise<string> {
  const ground = new Ground();
  t.after(() => ground.clear());
  const [program, ...more] = argv;
  const echo = '"$@" > /dev/null && echo ran';
  const script = ["/bin/sh", "-c", echo, "sh", program, ...more];
  const request = { argv: script as [string, ...string[]], env, cwd: ground.at("ws") };
  return ground.run(ground.writing, request);
}

const many = (count: number) => Array.from({ length: count }, () => "x");
const variables = (count: number, length: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`V${at}`, "x".repeat(length)]));

const works: [title: string, given: Given][] = [
  ["8,000 arguments", { argv: ["/bin/true", ...many(8_000)] }],
  ["2,500 variables", { env: variables(2_500, 10) }],
  ["a megabyte of variables", { env: variables(10, 100_000) }],
  ["a variable of 120 kilobytes", { env: variables(1, 120_000) }],
];
for (const [title, given] of works) {
  test(`a sandboxed command may have ${title}`, async (t) => {
    assert.equal(await run(t, given), "ran\n");
  });
}

const refused: [title: string, given: Given, text: RegExp][] = [
  ["9,000 arguments", { argv: ["/bin/true", ...many(9_000)] }, /bwrap, which takes 9000/],
  ["3,000 variables", { env: variables(3_000, 10) }, /bwrap, which takes 9000/],
  ["seven megabytes of variables", { env: variables(70, 100_000) }, /are too long/],
  ["a variable of 3 megabytes", { env: variables(1, 3_000_000) }, /are too long/],
];
for (const [title, given, text] of refused) {
  test(`a sandboxed command with ${title} is refused, and is not begun`, async (t) => {
    await assert.rejects(run(t, given), (error: Error) => {
      assert.match(error.message, /^Argument list too long \(os error 7\): /);
      assert.match(error.message, text);
      return true;
    });
  });
}

test("what a policy hides counts as arguments too", async (t) => {
  const ground = new Ground();
  t.after(() => ground.clear());
  mkdirSync(ground.at("ws/many"));
  for (let count = 0; count < 900; count++) writeFileSync(ground.at(`ws/many/${count}.key`), "");
  const sandbox = workspaceWrite(ground.at("ws"), glob(`${ground.at("ws")}/**/*.key`));
  const argv = ["/bin/echo", "ran", ...many(6_500)] as const;
  const request = { argv, env: {}, cwd: ground.at("ws") };
  assert.match(await ground.run(ground.writing, request), /^ran x/);
  const text = await ground.run(sandbox, request);
  assert.match(text, /^RpcError: Argument list too long \(os error 7\): .* which takes 9000/);
});
