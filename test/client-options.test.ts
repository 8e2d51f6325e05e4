import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  type ConnectOptions,
  connect,
  environments,
  type LocalOptions,
  localEnvironment,
  type RuntimeAdditions,
  shellEnvironment,
} from "../src/client/library.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** The compiler must take them too, in a program that is strict about them. */
test("options that are undefined are as good as none", async (t) => {
  const folder = temporaryFolder(t, "options");
  const choice = await environments({ local: undefined, connect: undefined });
  t.after(() => choice.close());
  const { files, fetch } = await choice.open(undefined, { signal: undefined });
  const [one, other] = [join(folder, "one"), join(folder, "other")];
  await writeFile(one, "text");
  await files.copy(one, other, { recursive: undefined });
  await files.remove(one, { recursive: undefined, force: undefined });
  await files.makeDirectory(one, { recursive: undefined });
  await files.watchMissing([other], { present: undefined });
  await assert.rejects(fetch("http://127.0.0.1:1", { headers: undefined }), { code: -32603 });
  assert.equal(await files.readText(other), "text");
});

test("what is no URL, such as a variable that is not set, is refused as that", async () => {
  const complaint = "is no URL of an exec-server, such as ws://127.0.0.1:8765";
  const unset = undefined as unknown as string;
  await assert.rejects(connect(unset), new TypeError(`\`undefined\` ${complaint}`));
  await assert.rejects(connect("127.0.0.1:8765"), new TypeError(`\`127.0.0.1:8765\` ${complaint}`));
});

/** For each option, what is wrong and what the error says; a program without types may do that. */
type Wrong<T> = { readonly [N in keyof Required<T>]: readonly [unknown, string] };

const connecting: Wrong<ConnectOptions> = {
  clientName: [5, "`clientName` must be a text, not 5"],
  bearerToken: [null, "`bearerToken` must be a text, not null"],
  resumeSessionId: [Buffer.from("secret"), "must be a text, not [object Uint8Array]"],
  connectTimeoutMs: ["1s", "`connectTimeoutMs` must be a number above 0, not '1s'"],
  initializeTimeoutMs: [Number.NaN, "`initializeTimeoutMs` must be a number above 0, not NaN"],
  heartbeatIntervalMs: [0, "`heartbeatIntervalMs` must be a number above 0, not 0"],
  reconnectIntervalMs: [-1, "`reconnectIntervalMs` must be a number from 0, not -1"],
  reconnectWindowMs: [-1, "`reconnectWindowMs` must be a number from 0, not -1"],
  signal: [new AbortController(), "`signal` must be an AbortSignal, not [object AbortController]"],
};

const here: Wrong<LocalOptions> = {
  variables: [{ A: 5 }, "`variables.A` must be a text, not 5"],
  cwd: [".", "`cwd`: `.` is not an absolute path; it must begin with / or file:"],
};

const configured: Wrong<Parameters<typeof environments>[0] & object> = {
  codexHome: [5, "`codexHome` must be a text, not 5"],
  execServerUrl: [new URL("ws://x"), "`execServerUrl` must be a text, not [object URL]"],
  noise: [{ registryUrl: 5 }, "`noise.registryUrl` must be a text, not 5"],
  local: [true, "`local` must be an object, not true"],
  connect: ["ws://x", "`connect` must be an object, not 'ws://x'"],
};

const shell: Wrong<RuntimeAdditions> = {
  threadId: [5, "`threadId` must be a text, not 5"],
  sessionId: [5, "`sessionId` must be a text, not 5"],
  toolCallId: [5, "`toolCallId` must be a text, not 5"],
  version: [5, "`version` must be a text, not 5"],
  proxy: ["http://x", "`proxy` must be an object, not 'http://x'"],
  networkDisabled: ["yes", "`networkDisabled` must be true or false, not 'yes'"],
};

const takers: readonly [(options: never) => unknown, Wrong<object>][] = [
  [(options) => connect("ws://127.0.0.1:1", options), connecting],
  [localEnvironment, here],
  [environments, configured],
  [async (options) => shellEnvironment(undefined, options), shell],
  [
    async ({ policy }: { policy: never }) => shellEnvironment(policy),
    {
      policy: ["core", "`policy` must be an object, not 'core'"],
    },
  ],
];

test("a wrong option is named, with what it must be", async () => {
  for (const [take, wrong] of takers) {
    for (const [name, [value, message]] of Object.entries(wrong)) {
      await assert.rejects(
        async () => take({ [name]: value } as never),
        (error) => {
          assert.ok(error instanceof TypeError, String(error));
          assert.ok(error.message.endsWith(message), error.message);
          return true;
        },
      );
    }
  }
  const options = "core" as never;
  const message = "`options` must be an object, not 'core'";
  await assert.rejects(connect("ws://127.0.0.1:1", options), new TypeError(message));
});

test("the folder of local commands may be a URL", async (t) => {
  const folder = temporaryFolder(t, "options");
  const environment = await localEnvironment({ cwd: pathToFileURL(folder) });
  t.after(() => environment.close());
  assert.equal((await environment.run(["/bin/pwd"])).stdout, `${folder}\n`);
});
