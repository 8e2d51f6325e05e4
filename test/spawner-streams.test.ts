import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { Spawner } from "../src/environment/local/spawn/start/spawner.ts";
import { run, shell, start } from "./support/spawned.ts";

for (const kind of ["posix", "node"] as const) {
  describe(`streams of a spawner of kind ${kind}`, () => {
    let spawner: Spawner;

    before(async () => {
      spawner = await createSpawner({ kind });
    });

    after(() => spawner.close());

    test("the tail of the output is never lost, one after the other and 40 at once", async () => {
      const request = shell("head -c 100000 /dev/zero; echo tail; head -c 100000 /dev/zero >&2");
      const check = async () => {
        const ran = await run(spawner, request);
        assert.equal(ran.bytes("stdout").length, 100_005);
        assert.equal(ran.text("stdout").slice(-5), "tail\n");
        assert.equal(ran.bytes("stderr").length, 100_000);
      };
      for (let runs = 0; runs < 20; runs++) await check();
      await Promise.all(Array.from({ length: 40 }, check));
    });

    const feed = { head: Buffer.from("one "), rest: Buffer.from("two ") };
    for (const stdio of ["pipes", "pty"] as const) {
      test(`a process with ${stdio} waits for the rest of its feed`, async () => {
        const request = shell("echo ready; cat <&3; echo end", { stdio, feeds: [feed] });
        const fed = await start(spawner, request);
        await fed.untilText("ready");
        fed.process.feeds[0]?.finish();
        await fed.untilOver();
        assert.match(fed.text(), /^ready\r?\none two end\r?\n$/);
        const left = await start(spawner, request);
        left.process.feeds[0]?.close();
        left.process.feeds[0]?.finish();
        await left.untilOver();
        assert.match(left.text(), /^ready\r?\n(?:one )?end\r?\n$/);
      });
    }

    test("that a feed is read, or never will be, is told where it can be seen", async () => {
      for (const command of ["read line; head -c 4 <&3; sleep 100", "read line; exec 3<&-"]) {
        const started = await start(
          spawner,
          shell(command, { stdio: "pipes+stdin", feeds: [feed] }),
        );
        const { begun } = started.process.feeds[0] ?? {};
        assert.equal(begun !== undefined, kind === "posix");
        const first = Promise.race([begun?.then(() => "begun"), setTimeout(20, "nothing")]);
        if (begun) assert.equal(await first, "nothing");
        started.process.write(Buffer.from("go\n"));
        await begun;
        await started.process.killTree();
        await started.untilOver();
      }
    });

    test("stdin is empty without being asked for, and a pipe when asked for", async () => {
      for (const feeds of [[], [feed]]) {
        const without = await start(spawner, shell("readlink /proc/self/fd/0; cat", { feeds }));
        without.process.feeds[0]?.finish();
        await without.untilOver();
        assert.equal(without.text(), "/dev/null\n");
      }
      const cat = await start(spawner, shell("cat", { stdio: "pipes+stdin" }));
      cat.process.write(Buffer.from("hello "));
      await cat.untilText("hello ");
      cat.process.write(Buffer.from("world"));
      cat.process.endStdin();
      await cat.untilOver();
      assert.equal(cat.text(), "hello world");
      assert.equal(cat.exit?.exitCode, 0);
    });

    test("what is written while the reader is stopped is queued, and arrives whole", async () => {
      const count = await start(spawner, shell("kill -STOP $$; wc -c", { stdio: "pipes+stdin" }));
      const block = Buffer.alloc(1_000_000, "x");
      const answers = [1, 2, 3].map(() => count.process.write(block));
      assert.equal(answers.at(-1), false);
      while (!count.told.includes("drained")) {
        count.process.signal(constants.signals.SIGCONT, "leader");
        await setTimeout(5);
      }
      count.process.endStdin();
      await count.untilOver();
      assert.equal(Number(count.text()), 3_000_000);
    });

    test("who writes learns that nobody reads any more", async () => {
      const deaf = await start(spawner, shell("exec <&-; sleep 100", { stdio: "pipes+stdin" }));
      // Only the native one can tell without a write.
      while (kind === "node" && !deaf.told.includes("stdinGone")) {
        deaf.process.write(Buffer.from("x"));
        await setTimeout(5);
      }
      await deaf.untilTold("stdinGone");
      assert.equal(deaf.process.write(Buffer.alloc(2_000_000)), true);
      await deaf.process.killTree();
      await deaf.untilOver();
    });

    test("a process whose output is not taken blocks, and goes on when it is", async () => {
      const yes = await start(spawner, shell("head -c 10000000 /dev/zero; echo done >&2"));
      yes.process.flow(false);
      await untilBlocked(yes.process.pid);
      const held = yes.bytes().length;
      assert(held < 10_000_000);
      yes.process.flow(true);
      await yes.untilOver();
      assert.equal(yes.bytes("stdout").length, 10_000_000);
      assert.equal(yes.text("stderr"), "done\n");
    });

    test("output that was written before the end waits for who takes it later", async () => {
      const ran = await start(spawner, shell("sleep 0.05; echo late"));
      ran.process.flow(false);
      await ran.untilTold("exited");
      assert.equal(ran.text(), "");
      ran.process.flow(true);
      await ran.untilOver();
      assert.equal(ran.text(), "late\n");
    });

    test("exit is told at once, though a descendant holds the output open", async () => {
      const ran = await start(spawner, shell("echo before; sleep 100 & exit 3"));
      await ran.untilTold("exited");
      assert.deepEqual([ran.exit?.exitCode, ran.told.includes("ended")], [3, false]);
      ran.process.abandonOutput();
      await ran.untilTold("ended");
      assert.equal(ran.text(), "before\n");
      await ran.process.killTree();
    });

    test("calls after the end are harmless", async () => {
      const ran = await run(spawner, shell("true", { stdio: "pipes+stdin" }));
      assert.equal(ran.process.write(Buffer.from("x")), true);
      ran.process.endStdin();
      ran.process.flow(false);
      ran.process.resize({ rows: 1, cols: 1 });
      ran.process.abandonOutput();
      assert.equal(ran.process.signal(9, "leader"), false);
      assert.equal(ran.process.signal(9, "group"), false);
      await ran.process.killTree();
    });

    test("processes that have ended leave no descriptor open", async () => {
      const runSome = (count: number) =>
        Promise.all(
          Array.from({ length: count }, (_, index) => {
            const stdio = (["pipes", "pipes+stdin"] as const)[index % 2] ?? "pipes";
            return run(spawner, shell("echo x", { stdio }));
          }),
        );
      await runSome(20);
      const before = readdirSync("/proc/self/fd").length;
      for (let rounds = 0; rounds < 5; rounds++) await runSome(20);
      while (readdirSync("/proc/self/fd").length > before) await setTimeout(5);
    });
  });
}

/** Until the kernel has put a process and its children to sleep on a full pipe. */
async function untilBlocked(pid: number): Promise<void> {
  const isBlocked = () => [pid, ...childrenOf(pid)].some((one) => /pipe_w/.test(wchanOf(one)));
  while (!isBlocked()) await setTimeout(5);
}

const wchanOf = (pid: number) => readFileSync(`/proc/${pid}/wchan`, "utf8");

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.trim().split(" ").filter(Boolean).map(Number);
}
