import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { startServer } from "./support/server.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** The scripts of the README in their order. */
const scripts = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code ?? "");

/** What each script is expected to print. */
const printed = [
  /^Linux \S+\n$/,
  /^0 Linux\n$/,
  /30 100\r\n(.|\n|\r)*0\n$/,
  /^hello there\n$/,
  /^begun\ngot it\n$/,
];

describe("the README's scripts do what it says", () => {
  test("there is an expectation for each of them", () => {
    assert.equal(scripts.length, printed.length);
  });

  for (const [index, script] of scripts.entries()) {
    test(`script ${index + 1} runs against a server and prints what is expected`, async (t) => {
      const { url } = await startServer(t);
      const { stdout, exitCode } = await execa("node", ["--input-type=module", "--eval", script], {
        cwd: root,
        env: { CODEX_EXEC_SERVER_URL: url },
        stripFinalNewline: false,
        timeout: 30_000,
      });
      assert.equal(exitCode, 0);
      assert.match(stdout, printed[index] ?? /^$/);
    });
  }
});
