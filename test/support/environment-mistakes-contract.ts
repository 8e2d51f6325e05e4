import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  type CallOptions,
  type Environment,
  type FetchOptions,
  type FileOptions,
  InvalidParamsError,
  type Sandbox,
  type StartOptions,
  type WalkOptions,
} from "../../src/client/library.ts";
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

/** For each option a wrong value, and what the error says of it. */
type Wrong<T> = { readonly [N in keyof Required<T>]: readonly [unknown, string] };

const ofCalls: Wrong<CallOptions> = {
  signal: ["SIGTERM", "`signal` must be an AbortSignal, not 'SIGTERM'"],
};

const ofFiles: Wrong<FileOptions> = {
  ...ofCalls,
  sandbox: ["read", "`sandbox` must be an object, not 'read'"],
  followSymlinks: ["no", "`followSymlinks` must be true or false, not 'no'"],
};

const flag = (name: string) => [1, `\`${name}\` must be true or false, not 1`] as const;
const flags = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, flag(name)]));

const ofWalks: Wrong<WalkOptions> = {
  ...ofFiles,
  depthMax: [1.5, "`depthMax` must be a whole number from 0 to 64, not 1.5"],
  directoriesMax: ["5", "`directoriesMax` must be a whole number from 0 to 10000, not '5'"],
  entriesMax: [Infinity, "`entriesMax` must be a whole number from 0 to 50000, not Infinity"],
  followDirectorySymlinks: flag("followDirectorySymlinks"),
  skipHiddenDirectories: flag("skipHiddenDirectories"),
};

const ofStarts: Wrong<StartOptions & { input: string }> = {
  ...ofCalls,
  id: [5, "`id` must be a text, not 5"],
  cwd: ["src", "`cwd`: `src` is not an absolute path; it must begin with / or file:"],
  env: [{ A: 5 }, "`env.A` must be a text, not 5"],
  envPolicy: ["none", "`envPolicy` must be an object, not 'none'"],
  stdin: ["hello", "`stdin` must be true or false, not 'hello'"],
  terminal: [
    "xterm",
    "`terminal` must be true, false or a size, such as { rows: 24, cols: 80 }, not 'xterm'",
  ],
  arg0: [5, "`arg0` must be a text, not 5"],
  sandbox: [true, "`sandbox` must be an object, not true"],
  input: [[104], "`input` must be a text or a Uint8Array, not [object Array]"],
};

const ofRequests: Wrong<FetchOptions> = {
  ...ofCalls,
  method: [5, "`method` must be a text, not 5"],
  headers: [{ accept: 5 }, "`headers.accept` must be a text, not 5"],
  headerVariables: [{ authorization: 5 }, "`headerVariables.authorization` must be a text, not 5"],
  body: [{ key: "secret" }, "`body` must be a text or a Uint8Array, not [object Object]"],
  redirect: ["error", "`redirect` must be 'follow' or 'manual', not 'error'"],
  timeoutMs: [Infinity, "`timeoutMs` must be a whole number from 0, not Infinity"],
};

type Operation = (environment: Environment, options: never) => unknown;

const policy = (member: object) => ({ envPolicy: member });

const operations: readonly [Operation, Readonly<Record<string, readonly [unknown, string]>>][] = [
  [({ files }, options) => files.read("/", options), ofFiles],
  [({ files }, options) => files.readText("/", options), ofFiles],
  [({ files }, options) => files.stream("/", options), ofFiles],
  [({ files }, options) => files.write("/", "", options), ofFiles],
  [({ files }, options) => files.stat("/", options), ofFiles],
  [({ files }, options) => files.realPath("/", options), ofFiles],
  [({ files }, options) => files.list("/", options), ofFiles],
  [({ files }, options) => files.walk("/", options), ofWalks],
  [({ files }, options) => files.makeDirectory("/", options), flags("recursive")],
  [({ files }, options) => files.remove("/x/y", options), flags("recursive", "force")],
  [({ files }, options) => files.copy("/x/y", "/x/z", options), flags("recursive")],
  [
    ({ files }, options) => files.watchMissing(["/x"], options),
    { ...ofCalls, present: ["x", "`present`: `x` is not an absolute path; it must begin with /"] },
  ],
  [(environment, options) => environment.run(["true"], options), ofStarts],
  [(environment, options) => environment.list(options), ofCalls],
  [(environment, options) => environment.check(options), ofCalls],
  [({ fetch }, options) => fetch("http://127.0.0.1:1", options), ofRequests],
];

/** What is wrong elsewhere than in the options themselves. */
const others: readonly [(environment: Environment) => unknown, string][] = [
  [({ files }) => files.watchMissing("/x" as never), "`paths` must be a list of paths, not '/x'"],
  [({ files }) => files.watchMissing(["x"]), "`paths.0`: `x` is not an absolute path; it must"],
  [({ files }) => files.readText("/x", "utf8" as never), "`options` must be an object, not 'utf8'"],
  [({ run }) => run(["echo", 5 as never]), "`argv.1` must be a text, not 5"],
  [({ run }) => run(["env"], policy({ exclude: "A*" })), "`envPolicy.exclude` must be a list of"],
  [({ run }) => run(["env"], policy({ set: { A: 5 } })), "`envPolicy.set.A` must be a text, not 5"],
  [({ attach }) => attach(5 as never), "`id` must be a text, not 5"],
];

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

  test("a wrong option is named before anything is asked of the machine", async (t) => {
    const { environment } = await setUp(t);
    const refused = (work: () => unknown, message: string) =>
      assert.rejects(
        async () => work(),
        (error) => {
          assert.ok(error instanceof TypeError, String(error));
          assert.ok(error.message.startsWith(message), error.message);
          return true;
        },
      );
    for (const [operation, wrong] of operations) {
      for (const [name, [value, message]] of Object.entries(wrong)) {
        await refused(() => operation(environment, { [name]: value } as never), message);
      }
    }
    for (const [work, message] of others) await refused(() => work(environment), message);
  });

  test("an unknown word for what variables are inherited is refused", async (t) => {
    const { environment } = await setUp(t);
    const envPolicy = { inherit: "nothing" as "none" };
    await assert.rejects(environment.run(["env"], { envPolicy }), {
      name: "InvalidParamsError",
      message: /^`envPolicy\.inherit`: unknown variant `nothing`/,
    });
  });
}
