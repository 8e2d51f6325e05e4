import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { connect, shellEnvironment } from "../src/client/library.ts";
import { startRelay } from "./support/relay.ts";
import { startServer } from "./support/server.ts";

/** Stands for everything that the orchestrator has in its environment. */
const secret = randomUUID();

describe("the environment of a command", () => {
  test("is the policy with its defaults and what is added at run time, and nothing else", () => {
    const proxy = { HTTP_PROXY: "http://127.0.0.1:3128" };
    const additions = {
      threadId: "t",
      toolCallId: "c",
      version: "1",
      proxy,
      networkDisabled: true,
    };
    const { envPolicy, env } = shellEnvironment({ inherit: "core", exclude: ["A*"] }, additions);
    assert.deepEqual(envPolicy, {
      inherit: "core",
      ignoreDefaultExcludes: true,
      exclude: [
        "A*",
        "CODEX_PERMISSION_PROFILE",
        "CODEX_VERSION",
        "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS",
        "CODEX_PLUGIN_METRICS_OUTPUT",
      ],
      set: {},
      includeOnly: [],
    });
    assert.deepEqual(env, {
      CODEX_CI: "1",
      CODEX_SANDBOX_NETWORK_DISABLED: "1",
      CODEX_THREAD_ID: "t",
      CODEX_TOOL_CALL_ID: "c",
      CODEX_VERSION: "1",
      COLORTERM: "",
      GH_PAGER: "cat",
      GIT_PAGER: "cat",
      HTTP_PROXY: "http://127.0.0.1:3128",
      LANG: "C.UTF-8",
      LC_ALL: "C.UTF-8",
      LC_CTYPE: "C.UTF-8",
      NO_COLOR: "1",
      PAGER: "cat",
      TERM: "dumb",
    });
    const plain = Object.keys(shellEnvironment().env).filter((name) => name.startsWith("CODEX_"));
    assert.deepEqual(plain, ["CODEX_CI"]);
  });

  test("comes from the executor: no frame has anything of the orchestrator's", async (t) => {
    const { url } = await startServer(t, {
      env: { OF_EXECUTOR: "executor", ORCHESTRATOR: undefined },
    });
    const relay = await startRelay(t, url);
    const before = { ...process.env };
    t.after(() => Object.assign(process.env, before));
    for (const name of ["ORCHESTRATOR", "CODEX_API_KEY", "OF_EXECUTOR", "LANG", "TERM"]) {
      process.env[name] = secret;
    }
    const environment = await connect(relay.url);
    t.after(() => environment.close());
    const command = ["sh", "-c", "echo $OF_EXECUTOR $TERM $ORCHESTRATOR"];
    const shell = await environment.run(command, shellEnvironment());
    assert.equal(shell.stdout, "executor dumb\n");
    await environment.run(command);
    await environment.run(command, { terminal: true, env: { A: "b" }, envPolicy: null });
    await environment.files.stat("/");
    await environment.fetch("http://127.0.0.1:1/").catch(() => {});
    assert.ok(relay.sent.length >= 7);
    assert.ok(!relay.sent.some((frame) => frame.includes(secret)));
    for (const frame of relay.sent) assertOnlyKnownVariables(JSON.parse(frame));
  });
});

/** What a start may say about variables at all. */
const known = new Set([...Object.keys(shellEnvironment().env), "A"]);

function assertOnlyKnownVariables({ method, params }: { method: string; params: unknown }): void {
  if (method !== "process/start") return;
  const { env, envPolicy } = params as { env: object; envPolicy: { set: object } | null };
  const names = [...Object.keys(env), ...Object.keys(envPolicy?.set ?? {})];
  assert.deepEqual(
    names.filter((name) => !known.has(name)),
    [],
  );
}
