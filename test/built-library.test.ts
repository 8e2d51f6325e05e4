import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const root = fileURLToPath(new URL("..", import.meta.url));

test("an error that a program does not catch shows its message, not the whole library", async () => {
  const program = `import { connect } from "codex-exec-server"; await connect("ws://127.0.0.1:1");`;
  const { stderr } = await execa("node", ["--input-type=module", "--eval", program], {
    cwd: root,
    reject: false,
    timeout: 30_000,
  });
  assert.match(stderr, /^ConnectionError: websocket ws:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/m);
  const longest = Math.max(...stderr.split("\n").map((line) => line.length));
  assert.ok(longest < 500, `a line of ${longest} characters`);
});
