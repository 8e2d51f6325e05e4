import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Environment, InvalidParamsError, type Sandbox } from "../../src/client/library.ts";
import type { SetUp } from "./environment-workbench.ts";
import { place, sandboxOf, special } from "./sandboxes.ts";

const readOnly = sandboxOf([special("root", "read")]);

/** What a program without types may give for a sandbox, and where the fault is. */
const mistakes: Record<string, [(directory: string) => unknown, RegExp]> = {
  "nothing in it": [() => ({}), /^missing field `sandbox\.permissions`$/],
  "an unknown type": [
    () => ({ ...readOnly, permissions: { ...readOnly.permissions, type: "managd" } }),
    /^`sandbox\.permissions\.type`: /,
  ],
  "an unknown network": [
    () => ({ ...readOnly, permissions: { ...readOnly.permissions, network: "none" } }),
    /^`sandbox\.permissions\.network`: unknown variant `none`/,
  ],
  "an unknown access": [
    (directory) => sandboxOf([place(directory, "denied" as "deny")]),
    /entries\.0\.access`: unknown variant `denied`/,
  ],
  "a path that is no URI": [
    (path) => sandboxOf([{ path: { type: "path", path }, access: "read" }]),
    /entries\.0\.path\.path`: invalid URI/,
  ],
};

type Attempt = (environment: Environment, path: string, sandbox: Sandbox) => Promise<unknown>;

/** Each would leave something at the path if nothing confined it. */
const attempts: readonly Attempt[] = [
  (environment, path, sandbox) => environment.run(["touch", path], { sandbox }),
  ({ files }, path, sandbox) => files.write(path, "x", { sandbox }),
  ({ files }, path, sandbox) => files.makeDirectory(path, { sandbox }),
];

/** Mistakes that types would show, and that must not end in less confinement than was meant. */
export function describeMistakes(setUp: SetUp): void {
  for (const [what, [sandboxFor, complaint]] of Object.entries(mistakes)) {
    test(`a sandbox with ${what} is refused in words, and nothing is done`, async (t) => {
      const { environment, directory } = await setUp(t);
      for (const attempt of attempts) {
        const sandbox = sandboxFor(directory) as Sandbox;
        await assert.rejects(attempt(environment, join(directory, "made"), sandbox), (error) => {
          assert.ok(error instanceof InvalidParamsError, String(error));
          return complaint.test(error.message);
        });
      }
      assert.deepEqual(await readdir(directory), []);
    });
  }

  test("an unknown word for what variables are inherited is refused", async (t) => {
    const { environment } = await setUp(t);
    const envPolicy = { inherit: "nothing" as "none" };
    await assert.rejects(environment.run(["env"], { envPolicy }), {
      name: "InvalidParamsError",
      message: /^`envPolicy\.inherit`: unknown variant `nothing`/,
    });
  });
}
