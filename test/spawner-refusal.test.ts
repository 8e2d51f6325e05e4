import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import {
  SpawnError,
  type Spawner,
  type SpawnRequest,
} from "../src/environment/local/spawn/start/spawner.ts";
import { programFile, run, shell } from "./support/spawned.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

for (const kind of ["posix", "node"] as const) {
  describe(`starts refused by a spawner of kind ${kind}`, () => {
    let spawner: Spawner;

    before(async () => {
      spawner = await createSpawner({ kind });
    });

    after(() => spawner.close());

    const directory = temporaryFolder({ after }, "spawner");
    const file = (name: string, content: string, mode?: number) =>
      programFile(join(directory, name), content, mode);

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
          "a directory of that name in the PATH",
          () => ({ argv: [basename(directory)], env: { PATH: dirname(directory) } }),
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
  });
}
