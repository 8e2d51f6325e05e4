import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import {
  SpawnError,
  type Spawner,
  type SpawnRequest,
} from "../src/environment/local/spawn/spawner.ts";
import { run, searchPath, shell, start } from "./support/spawned.ts";

for (const kind of ["posix", "node"] as const) {
  describe(`a spawner of kind ${kind}`, () => {
    let spawner: Spawner;
    let directory: string;

    before(async () => {
      spawner = await createSpawner({ kind });
      directory = mkdtempSync(join(tmpdir(), "spawner-"));
    });

    after(async () => {
      await spawner.close();
      rmSync(directory, { recursive: true });
    });

    const file = (name: string, content: string, mode = 0o755): string => {
      const path = join(directory, name);
      writeFileSync(path, content);
      chmodSync(path, mode);
      return path;
    };

    test("pipes are pipes: a program can open its own stdout and stderr by name", async () => {
      const ran = await run(spawner, shell("echo one >/dev/stdout; echo two >/dev/stderr"));
      assert.equal(ran.text("stdout"), "one\n");
      assert.equal(ran.text("stderr"), "two\n");
      assert.equal(ran.exit?.exitCode, 0);
    });

    test("a process leads a session and group of its own, at the pid that was told", async () => {
      const ran = await run(spawner, shell("ps -o pid=,pgid=,sid= $$"));
      const numbers = ran.text().trim().split(/\s+/).map(Number);
      assert.deepEqual(numbers, Array(3).fill(ran.process.pid));
    });

    test("a process has descriptors 0 to 2 only, and no signal blocked or ignored", async () => {
      const argv = ["/bin/ls", "/proc/self/fd"] as const;
      const list = await run(spawner, shell("", { argv: [...argv] }));
      const fds = list.text().trim().split("\n");
      // The last is of the listing itself.
      if (kind === "posix") assert.deepEqual(fds, ["0", "1", "2", "3"]);
      const masks = await run(
        spawner,
        shell("", { argv: ["grep", "^Sig[BI]", "/proc/self/status"] }),
      );
      assert.match(masks.text(), /SigBlk:\t0{16}\nSigIgn:\t0{16}\n/);
    });

    test("further descriptors are given as 3, 4 and so on", async () => {
      const one = openSync(file("three", "three"), "r");
      const two = openSync(file("four", "four"), "r");
      const ran = await run(spawner, shell("cat <&3; cat <&4", { fds: [one, two] }));
      closeSync(one);
      closeSync(two);
      assert.equal(ran.text(), "threefour");
    });

    for (const [command, exitCode, signal] of [
      ["exit 0", 0, null],
      ["exit 7", 7, null],
      ["exit 255", 255, null],
      ["kill -TERM $$", 143, 15],
      ["kill -KILL $$", 137, 9],
      ["kill -SEGV $$", 139, 11],
    ] as const) {
      test(`\`${command}\` ends with ${exitCode}`, async () => {
        const { exit } = await run(spawner, shell(command));
        assert.equal(exit?.exitCode, exitCode);
        assert.equal(exit?.signal, signal);
      });
    }

    test("the environment is exact, whatever the names and values are", async () => {
      const env = { PATH: searchPath, "": "empty", "a=b": "c", ÄÖ: "✓ \n x", X: "" };
      const ran = await run(spawner, shell("", { argv: ["cat", "/proc/self/environ"], env }));
      const expected = Object.entries(env).map(([name, value]) => `${name}=${value}\0`);
      assert.deepEqual(
        ran
          .text()
          .split(/(?<=\0)/)
          .sort(),
        expected.sort(),
      );
    });

    for (const arg0 of ["other name", "", "-sh"]) {
      test(`argv[0] is ${JSON.stringify(arg0)} when asked for`, async () => {
        const argv: SpawnRequest["argv"] = ["cat", "/proc/self/cmdline"];
        const ran = await run(spawner, shell("", { argv, arg0 }));
        assert.equal(ran.text(), `${arg0}\0/proc/self/cmdline\0`);
      });
    }

    test("a program is looked up in the PATH of its own environment", async () => {
      file("only-here", "#!/bin/sh\necho found");
      const env = { PATH: `/nonexistent:${directory}:${searchPath}` };
      const ran = await run(spawner, shell("", { argv: ["only-here"], env }));
      assert.equal(ran.text(), "found\n");
    });

    test("a program and parts of the PATH may be relative to the working directory", async () => {
      file("beside", "#!/bin/sh\necho beside");
      for (const [name, PATH] of [
        ["./beside", "/bin"],
        ["beside", ""],
        ["beside", "."],
      ] as const) {
        const ran = await run(spawner, shell("", { argv: [name], cwd: directory, env: { PATH } }));
        assert.equal(ran.text(), "beside\n", `${name} in ${PATH}`);
      }
    });

    test("without a PATH the system's own directories are searched", async () => {
      const ran = await run(spawner, shell("", { argv: ["echo", "default"], env: {} }));
      assert.equal(ran.text(), "default\n");
    });

    test("the working directory may be bytes that are no text, where that is possible", async () => {
      const cwd = Buffer.concat([Buffer.from(`${directory}/`), Buffer.of(0xff, 0xfe)]);
      mkdirSync(cwd);
      if (kind === "node") {
        await assert.rejects(run(spawner, shell("pwd", { cwd })), /not UTF-8/);
        return;
      }
      const ran = await run(spawner, shell("pwd", { cwd }));
      assert.deepEqual(ran.bytes(), Buffer.concat([cwd, Buffer.from("\n")]));
    });

    describe("refuses, with the system's code and what it was about,", () => {
      const enoent = "No such file or directory (os error 2)";
      const cases: [string, () => Partial<SpawnRequest>, Partial<SpawnError>][] = [
        [
          "an unknown name",
          () => ({ argv: ["no-such-program"] }),
          { code: "ENOENT", stage: "program" },
        ],
        ["an unknown path", () => ({ argv: ["/no/such"] }), { code: "ENOENT", stage: "program" }],
        [
          "a script whose interpreter is missing",
          () => ({ argv: [file("lost", "#!/no/such/interpreter\n")] }),
          { code: "ENOENT", stage: "program" },
        ],
        ["a missing directory", () => ({ cwd: "/no/such" }), { code: "ENOENT", stage: "cwd" }],
        ["a file as directory", () => ({ cwd: "/etc/passwd" }), { code: "ENOTDIR", stage: "cwd" }],
        [
          "a file without permission",
          () => ({ argv: [file("plain", "#!/bin/sh\n", 0o644)] }),
          { code: "EACCES", stage: "program" },
        ],
        [
          "a file without permission in the PATH",
          () => ({ argv: [basename(file("only-plain", "", 0o644))], env: { PATH: directory } }),
          { code: "EACCES", stage: "program" },
        ],
        [
          "a directory as program",
          () => ({ argv: ["/tmp"] }),
          { code: "EACCES", stage: "program" },
        ],
        [
          "a script without #!",
          () => ({ argv: [file("bare", "echo never\n")] }),
          { code: "ENOEXEC", stage: "program" },
        ],
        [
          "too long arguments",
          () => ({ argv: ["/bin/echo", "x".repeat(200_000)] }),
          { code: "E2BIG", stage: "arguments" },
        ],
        [
          "a NUL in an argument",
          () => ({ argv: ["echo", "a\0b"] }),
          { code: "EINVAL", stage: "arguments" },
        ],
        [
          "a NUL in a name",
          () => ({ env: { "a\0": "b" } }),
          { code: "EINVAL", stage: "arguments" },
        ],
        ["a NUL in a value", () => ({ env: { a: "\0" } }), { code: "EINVAL", stage: "arguments" }],
        ["an empty name", () => ({ argv: [""] }), { code: "EINVAL", stage: "arguments" }],
      ];
      for (const [title, request, { code, stage }] of cases) {
        test(`${title}: ${code}, ${stage}`, async () => {
          const thrown = await run(spawner, shell("true", request())).catch((error) => error);
          assert(thrown instanceof SpawnError, String(thrown));
          assert.deepEqual([thrown.code, thrown.stage], [code, stage]);
          if (code === "ENOENT") assert(thrown.message.startsWith(`${enoent}: `), thrown.message);
        });
      }

      test("in the words that clients know", async () => {
        const refusal = (request: Partial<SpawnRequest>) =>
          run(spawner, shell("true", request)).catch(({ message }) => message);
        assert.match(await refusal({ argv: ["e", "\0"] }), /nul byte found in provided data/);
        assert.match(await refusal({ env: { a: "\0" } }), /data provided contains a nul byte/);
        assert.equal(await refusal({ argv: [""] }), "missing program for pipe spawn");
        assert.match(await refusal({ argv: ["/tmp"] }), /^Permission denied \(os error 13\): /);
        assert.match(
          await refusal({ argv: ["x"], env: { PATH: "/a" } }),
          /^No such file or directory \(os error 2\): program `x` not found in PATH `\/a`$/,
        );
      });
    });

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

    test("stdin is empty without being asked for, and a pipe when asked for", async () => {
      const without = await run(spawner, shell("readlink /proc/self/fd/0; cat"));
      assert.equal(without.text(), "/dev/null\n");
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
      assert.equal((await ran.process.killTree()).killed, 0);
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
