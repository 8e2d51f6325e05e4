import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import type { EnvironmentsOptions } from "../src/client/environments.ts";
import { parseEnvironments } from "../src/client/environments-toml.ts";
import {
  ConnectionError,
  EnvironmentConfigError,
  environments,
  SessionLostError,
} from "../src/client/library.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

/** Refuses a file with this text. */
function refuses(toml: string, complaint: string | RegExp): void {
  test(`${JSON.stringify(toml)} is refused`, () => {
    const parsing = () => parseEnvironments(toml, "FILE");
    if (typeof complaint === "string") {
      const message = `exec-server protocol error: ${complaint}`;
      assert.throws(parsing, { name: "EnvironmentConfigError", message });
    } else assert.throws(parsing, complaint);
  });
}

const named = (id: string) => `[[environments]]\nid = "${id}"\nurl = "ws://h:1"\n`;
const having = (fields: string) => `[[environments]]\nid = "a"\n${fields}`;

describe("a file of environments", () => {
  refuses(named(""), "environment id cannot be empty");
  refuses(named(" a"), "environment id ` a` must not contain surrounding whitespace");
  refuses(named("local"), "environment id `local` is reserved");
  refuses(named("None"), "environment id `None` is reserved");
  const long = "x".repeat(65);
  refuses(named(long), `environment id \`${long}\` cannot be longer than 64 characters`);
  refuses(
    named("a.b"),
    "environment id `a.b` must contain only ASCII letters, numbers, '-' or '_'",
  );
  refuses(named("a") + named("a"), "environment id `a` is duplicated");
  refuses(having(""), "environment `a` must set exactly one of url or program");
  refuses(
    having('url = "ws://h"\nprogram = "p"'),
    "environment `a` must set exactly one of url or program",
  );
  refuses(having('url = "http://x"'), "environment url `http://x` must use ws:// or wss://");
  refuses(having('url = " "'), "environment url cannot be empty");
  refuses(having('url = "ws://"'), "environment url `ws://` is invalid: it names no host");
  for (const field of ['args = ["x"]', "env = {}", 'cwd = "x"']) {
    refuses(
      having(`url = "ws://h"\n${field}`),
      "environment `a` args, env, and cwd require program",
    );
  }
  refuses(having('program = ""'), "environment `a` program cannot be empty");
  refuses(
    having('program = "p"\nconnect_timeout_sec = 1.5'),
    "environment `a` connect_timeout_sec requires url",
  );
  refuses(
    having('program = "p"\nauth_bearer_token = "t"'),
    "environment `a` auth_bearer_token requires url",
  );
  refuses('default = "zz"', "default environment `zz` is not configured");
  refuses(
    'default = "local"\ninclude_local = false',
    "default environment `local` is not configured",
  );
  refuses('default = ""', "default environment id cannot be empty");
  refuses("x = 1", /failed to parse environment config `FILE`: unknown field `x`, expected one of/);
  refuses(having("url = 1"), /failed to parse environment config `FILE`: invalid value of `url`/);
  refuses("[[environments]]", /failed to parse environment config `FILE`: missing field `id`/);
  refuses("= no toml", /failed to parse environment config `FILE`: /);

  test("may say how long connecting may take, and with which token", () => {
    const fields = [
      'url = "wss://h/x"',
      'auth_bearer_token = "t"',
      "connect_timeout_sec = 1.5",
      "initialize_timeout_sec = 2",
      "skills = {required = []}",
    ].join("\n");
    const [environment] = parseEnvironments(having(fields), "FILE").environments;
    assert.deepEqual(environment, {
      id: "a",
      url: "wss://h/x",
      bearerToken: "t",
      connectTimeoutMs: 1500,
      initializeTimeoutMs: 2000,
    });
  });
});

async function homeWith(t: TestContext, toml: string): Promise<string> {
  const codexHome = temporaryFolder(t, "environments");
  await writeFile(join(codexHome, "environments.toml"), toml);
  return codexHome;
}

async function chosen(t: TestContext, options: EnvironmentsOptions) {
  const choice = await environments(options);
  t.after(() => choice.close());
  return choice;
}

const unusable =
  "No usable execution environment is available. Wait for an environment to become available " +
  "before using this tool.";

describe("the environments that are chosen", () => {
  const choices: [string, EnvironmentsOptions, readonly string[], string | undefined][] = [
    ["this machine when nothing is said", {}, ["local"], "local"],
    ["this machine for an empty URL", { execServerUrl: " " }, ["local"], "local"],
    ["nothing for none, in any case", { execServerUrl: " NONE" }, [], undefined],
    ["only the server of the URL", { execServerUrl: "ws://h:1" }, ["remote"], "remote"],
    ["this machine without a file", { codexHome: "/no/such/home" }, ["local"], "local"],
  ];
  for (const [title, options, ids, defaultId] of choices) {
    test(`are ${title}`, async (t) => {
      const choice = await chosen(t, options);
      assert.deepEqual([choice.ids, choice.defaultId], [ids, defaultId]);
    });
  }

  const files: [string, string, readonly string[], string | undefined][] = [
    ["an empty one", "", ["local"], "local"],
    ["one without this machine", `include_local = false\n${named("a")}`, ["a"], undefined],
    ["one with a default", `default = "a"\n${named("a")}`, ["local", "a"], "a"],
    ["one without a default", `default = "none"\n${named("a")}`, ["local", "a"], undefined],
  ];
  for (const [title, toml, ids, defaultId] of files) {
    test(`are those of the file, which beats the URL: ${title}`, async (t) => {
      const options = { codexHome: await homeWith(t, toml), execServerUrl: "ws://h:1" };
      const choice = await chosen(t, options);
      assert.deepEqual([choice.ids, choice.defaultId], [ids, defaultId]);
    });
  }

  test("are opened once for all who ask, and anew after they were lost", async (t) => {
    const { url } = await server;
    const choice = await chosen(t, { codexHome: await homeWith(t, having(`url = "${url}"`)) });
    const [one, other] = await Promise.all([choice.open("a"), choice.open("a")]);
    assert.equal(one, other);
    assert.equal((await one.run(["echo", "far"])).stdout, "far\n");
    await one.close();
    assert.equal((await (await choice.open("a")).run(["echo", "again"])).stdout, "again\n");
    assert.equal((await (await choice.open()).run(["echo", "near"])).stdout, "near\n");
  });

  test("that are still being opened when all are closed are given up", async (t) => {
    const silent = createServer().listen(0, "127.0.0.1");
    t.after(() => void silent.close());
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const toml = having(`url = "ws://127.0.0.1:${port}"\nconnect_timeout_sec = 300`);
    const choice = await environments({ codexHome: await homeWith(t, toml) });
    const reached = once(silent, "connection");
    const refused = assert.rejects(choice.open("a"), SessionLostError);
    const [line] = (await reached) as [Socket];
    const left = once(line.resume(), "close");
    await within(30_000, "the end", choice.close());
    await Promise.all([refused, left]);
  });

  test("that cannot be used say why when they are opened", async (t) => {
    const none = await chosen(t, { execServerUrl: "none" });
    await assert.rejects(none.open(), { name: "NoEnvironmentError", message: unusable });
    const bad = await chosen(t, { execServerUrl: "http://x" });
    await assert.rejects(bad.open(), { name: "NoEnvironmentError", message: unusable });
    const gone = await chosen(t, { execServerUrl: "ws://127.0.0.1:1" });
    await assert.rejects(gone.open(), ConnectionError);
    const toml = having('program = "codex"');
    const program = await chosen(t, { codexHome: await homeWith(t, toml) });
    await assert.rejects(program.open("a"), /environment `a` sets program, which this client does/);
    await assert.rejects(
      program.open("b"),
      /environment `b` is not configured; there are: local, a/,
    );
  });

  test("are never those of a registry", async () => {
    const whole = { registryUrl: "r", environmentId: "e", authToken: "t" };
    await assert.rejects(environments({ noise: whole }), EnvironmentConfigError);
    await assert.rejects(environments({ noise: { authToken: "t" } }), /must be set together/);
  });
});
