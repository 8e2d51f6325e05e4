import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { Spawner, SpawnRequest } from "../src/environment/local/spawn/start/spawner.ts";
import { programFile, run, searchPath, shell } from "./support/spawned.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const score = "/proc/self/oom_score_adj";

for (const kind of ["posix", "node"] as const) {
  describe(`a spawner of kind ${kind}`, () => {
    let spawner: Spawner;

    before(async () => {
      spawner = await createSpawner({ kind });
    });

    after(() => spawner.close());

    const directory = temporaryFolder({ after }, "spawner");
    const file = (name: string, content: string, mode?: number) =>
      programFile(join(directory, name), content, mode);

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

    test("when memory is short a process is killed before the server", async () => {
      const own = Number(readFileSync(score, "latin1"));
      for (const stdio of ["pipes", "pty"] as const) {
        const ran = await run(spawner, shell(`cat ${score}`, { stdio }));
        assert.equal(Number(ran.text()), Math.min(own + 500, 1000));
      }
      assert.equal(Number(readFileSync(score, "latin1")), own);
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

    test("what bears the name and is no program is passed over", async () => {
      file("passed-over", "#!/bin/sh\necho program");
      mkdirSync(join(directory, "directories", "passed-over"), { recursive: true });
      mkdirSync(join(directory, "texts"));
      file("texts/passed-over", "#!/bin/sh\necho text", 0o644);
      const places = ["passed-over", "directories", "texts", ""];
      const env = { PATH: places.map((place) => join(directory, place)).join(":") };
      const ran = await run(spawner, shell("", { argv: ["passed-over"], env }));
      assert.equal(ran.text(), "program\n");
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

    test("the working directory may be bytes, where that is possible", async () => {
      const cwd = Buffer.concat([Buffer.from(`${directory}/`), Buffer.of(0xff, 0xfe)]);
      mkdirSync(cwd);
      if (kind === "node") {
        await assert.rejects(run(spawner, shell("pwd", { cwd })), /not UTF-8/);
        return;
      }
      const ran = await run(spawner, shell("pwd", { cwd }));
      assert.deepEqual(ran.bytes(), Buffer.concat([cwd, Buffer.from("\n")]));
    });
  });
}
