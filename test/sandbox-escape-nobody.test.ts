import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const isRoot = process.getuid?.() === 0;
const nobody = 65534;

/** With what is in the checkout where every user can reach it: that may be a folder of root's. */
const asNobody = `
  mount -t tmpfs -o mode=755 tmpfs /mnt && cd "$1" || exit
  for each in *; do
    if [ -d "$each" ]; then mkdir "/mnt/$each"; else touch "/mnt/$each"; fi
    mount --bind "$each" "/mnt/$each" || exit
  done
  cd /mnt && exec setpriv --reuid "$2" --regid "$2" --clear-groups \
    "$3" --import tsx --test --test-reporter=tap test/sandbox-escape.test.ts`;

test("an ordinary user does not get out either", { skip: !isRoot }, () => {
  const checkout = fileURLToPath(new URL("..", import.meta.url));
  const script = ["sh", "-c", asNobody, "sh", checkout, `${nobody}`, process.execPath];
  const run = spawnSync("unshare", ["--mount", ...script], {
    env: { PATH: process.env.PATH, HOME: "/nonexistent" },
    encoding: "utf8",
    timeout: 300_000,
  });
  assert.equal(run.status, 0, run.stdout.slice(-5000) + run.stderr.slice(-2000));
  assert.match(run.stdout, /^# pass [1-9]/m);
});
