import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { Spawner } from "../src/environment/local/spawn/start/spawner.ts";
import { run, searchPath, shell, start } from "./support/spawned.ts";
import { until } from "./support/until.ts";

for (const kind of ["posix", "node"] as const) {
  describe(`terminals of a spawner of kind ${kind}`, () => {
    let spawner: Spawner;

    before(async () => {
      spawner = await createSpawner({ kind });
      assert(spawner.capabilities.tty);
    });

    after(() => spawner.close());

    test("a program leads the session of its terminal, which is 24 x 80", async () => {
      const ran = await run(
        spawner,
        shell("stty size; : >/dev/tty && ps -o pid=,sid=,tpgid= $$", { stdio: "pty" }),
      );
      const [size, numbers = ""] = ran.text("pty").split("\r\n");
      assert.equal(size, "24 80");
      assert.deepEqual(numbers.trim().split(/\s+/).map(Number), Array(3).fill(ran.process.pid));
    });

    test("a size may be asked for, and changed, which the program is told", async () => {
      // Without native calls the rows are told first, and then the columns.
      const script =
        'stty size; trap \'test "$(stty size)" = "12 34" && echo told && exit\' WINCH; ' +
        "echo ready; while :; do sleep 0.01; done";
      const size = { rows: 33, cols: 101 };
      const ran = await start(spawner, shell(script, { stdio: "pty", size }));
      await ran.untilText("ready");
      ran.process.resize({ rows: 12, cols: 34 });
      await ran.untilOver();
      assert.equal(ran.text(), "33 101\r\nready\r\ntold\r\n");
    });

    test("keys arrive and are echoed; ^D ends the input, ^C interrupts the program", async () => {
      const cat = await start(spawner, shell("cat; echo over", { stdio: "pty" }));
      cat.process.write(Buffer.from("key\n"));
      await cat.untilText("key\r\nkey\r\n");
      cat.process.endStdin();
      await cat.untilOver();
      assert.equal(cat.text(), "key\r\nkey\r\nover\r\n");

      const sleep = await start(spawner, shell("echo ready; exec sleep 100", { stdio: "pty" }));
      await sleep.untilText("ready");
      sleep.process.write(Buffer.of(3));
      await sleep.untilOver();
      assert.equal(sleep.exit?.exitCode, 130);
    });

    test("a program that closes its terminal before it ends is not hung up", async () => {
      const script = "exec </dev/null >/dev/null 2>&1; sleep 0.1; echo back >/dev/tty; exit 7";
      const ran = await run(spawner, shell(script, { stdio: "pty" }));
      assert.equal(ran.exit?.exitCode, 7);
      assert.equal(ran.text("pty"), "back\r\n");
    });

    for (const [command, exitCode] of [
      ["exit 7", 7],
      ["kill -TERM $$", 143],
    ] as const) {
      test(`\`${command}\` ends with ${exitCode}`, async () => {
        const { exit } = await run(spawner, shell(command, { stdio: "pty" }));
        assert.equal(exit?.exitCode, exitCode);
        if (kind === "posix") assert.equal(exit?.signal, exitCode > 128 ? exitCode - 128 : null);
      });
    }

    test("the environment is exact", async () => {
      const env = { PATH: searchPath, "a=b": "c", QUOTES: `'"$HOME\`'`, X: "" };
      const argv = ["cat", "/proc/self/environ"] as const;
      const ran = await run(spawner, shell("", { argv: [...argv], env, stdio: "pty" }));
      const expected = Object.entries(env).map(([name, value]) => `${name}=${value}\0`);
      assert.deepEqual(
        ran
          .text()
          .split(/(?<=\0)/)
          .sort(),
        expected.sort(),
      );
    });

    test("argv[0] is what was asked for, or the start is refused", async () => {
      for (const arg0 of ["other name", ""]) {
        const request = shell("", { argv: ["cat", "/proc/self/cmdline"], arg0, stdio: "pty" });
        if (kind === "node") {
          assert.match(spawner.capabilities.reasons.join(), /without another argv\[0\]/);
          await assert.rejects(run(spawner, request), { code: "EINVAL", stage: "arguments" });
          continue;
        }
        const ran = await run(spawner, request);
        assert.equal(ran.text(), `${arg0}\0/proc/self/cmdline\0`);
      }
    });

    test("a start is refused as on pipes", async () => {
      const codeOf = (request: object) =>
        run(spawner, shell("true", { ...request, stdio: "pty" })).catch(({ code }) => code);
      assert.equal(await codeOf({ argv: ["no-such-program"] }), "ENOENT");
      assert.equal(await codeOf({ cwd: "/no/such" }), "ENOENT");
      assert.equal(await codeOf({ cwd: "/etc/passwd" }), "ENOTDIR");
      assert.equal(await codeOf({ argv: ["/tmp"] }), "EACCES");
    });

    test("the tail of the output is never lost, one after the other and 40 at once", async () => {
      const request = shell("head -c 100000 /dev/zero; echo tail", { stdio: "pty" });
      const check = async () => {
        const ran = await run(spawner, request);
        assert.equal(ran.bytes().length, 100_006);
        assert.equal(ran.text().slice(-6), "tail\r\n");
      };
      for (let runs = 0; runs < (kind === "posix" ? 100 : 10); runs++) await check();
      await Promise.all(Array.from({ length: 40 }, check));
    });

    test("a terminal whose output is not taken blocks its program", async () => {
      const ran = await start(
        spawner,
        shell("head -c 1000000 /dev/zero; echo tail", { stdio: "pty" }),
      );
      ran.process.flow(false);
      const held = ran.bytes().length;
      ran.process.flow(true);
      await ran.untilOver();
      assert(held < 1_000_000);
      assert.equal(ran.bytes().length, 1_000_006);
    });

    test("a terminal that was left leaves no descriptor open", async () => {
      const runSome = () =>
        Promise.all(
          Array.from({ length: 5 }, () => run(spawner, shell("echo x", { stdio: "pty" }))),
        );
      await runSome();
      const before = readdirSync("/proc/self/fd").length;
      for (let rounds = 0; rounds < 3; rounds++) await runSome();
      const isBack = () => readdirSync("/proc/self/fd").length <= before;
      await until("the closing of the terminals", isBack);
    });
  });
}
