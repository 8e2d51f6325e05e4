import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import * as library from "../src/client/library.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

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

test("the README's tables of the library name everything that it exports, and nothing else", () => {
  const [, part = ""] = /^## The library$(.*?)^## /ms.exec(readme) ?? [];
  const cells = [...part.matchAll(/^\| (.*?) \|/gm)].map(([, cell]) => cell ?? "");
  const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name));
  const exported = [...Object.keys(library), "TypeError"];
  assert.deepEqual(named.sort(), exported.sort());
});

test("the README's sandbox policy confines a command as it says", async (t) => {
  const [, text = ""] = /^```json\n(.*?)^```$/ms.exec(readme) ?? [];
  const folder = temporaryFolder(t, "/var/tmp/readme-sandbox");
  writeFileSync(join(folder, "the.key"), "secret");
  const sandbox = JSON.parse(text.replaceAll("/srv/work", folder));
  const machine = await library.connect((await startServer(t)).url);
  const script =
    "cat the.key; echo made > f; cat f /etc/hostname; echo > ../f; wc -l < /proc/net/dev";
  const ran = await machine.run(["sh", "-c", script], { cwd: folder, sandbox });
  await machine.close();
  assert.match(ran.stderr, /the\.key: Permission denied.*\n.*f: Read-only file system/);
  // Two lines of headings, and one of the loopback.
  assert.equal(ran.stdout, `made\n${readFileSync("/etc/hostname", "utf8")}3\n`);
});
