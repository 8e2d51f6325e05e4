import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect } from "./support/client.ts";
import { startServer } from "./support/server.ts";

describe("before the handshake is complete", () => {
  const families: [string, object, string][] = [
    ["process/read", { processId: "p" }, "exec"],
    ["fs/getMetadata", { path: "file:///" }, "filesystem"],
    ["environment/info", {}, "environment info"],
    ["environment/status", {}, "environment status"],
  ];
  for (const [method, params, family] of families) {
    test(`${method} is refused, and told what is missing`, async (t) => {
      const { url } = await startServer(t);
      const client = await connect(url);
      await assert.rejects(client.request(method, params), {
        code: -32600,
        message: `client must call initialize before using ${family} methods`,
      });
      await client.request("initialize", { clientName: "test" });
      await assert.rejects(client.request(method, params), {
        code: -32600,
        message: `client must send initialized before using ${family} methods`,
      });
    });
  }

  test("a number that is none for its field is refused with what is expected", async (t) => {
    const { url } = await startServer(t);
    const client = await connect(url);
    const rows: [method: string, params: object, message: string][] = [
      [
        "process/read",
        { processId: "p", afterSeq: -1 },
        "`afterSeq`: invalid number, expected a whole number from 0",
      ],
      [
        "process/resize",
        { processId: "p", size: { rows: 0, cols: 1 } },
        "`size.rows`: invalid number, expected a whole number from 1 to 65535",
      ],
      [
        "process/resize",
        { processId: "p", size: { rows: 1, cols: 1.5 } },
        "`size.cols`: invalid number, expected a whole number from 1 to 65535",
      ],
    ];
    for (const [method, params, message] of rows) {
      await assert.rejects(client.request(method, params), { code: -32602, message });
    }
  });

  test("params are checked first, and unknown methods said to be unknown", async (t) => {
    const { url } = await startServer(t);
    const client = await connect(url);
    await assert.rejects(client.request("process/read", {}), {
      code: -32602,
      message: "missing field `processId`",
    });
    await assert.rejects(client.request("environment/info", { verbose: true }), {
      code: -32602,
      message: "unknown field `verbose`",
    });
    for (const method of ["process/dance", "toString", "__proto__"]) {
      await assert.rejects(client.request(method, {}), { code: -32601 });
    }
  });
});

test("requests sent right behind the handshake, without waiting, are served", async (t) => {
  const { url } = await startServer(t);
  const client = await connect(url);
  const initialized = client.request("initialize", { clientName: "test" });
  client.notify("initialized");
  const status = client.request("environment/status", {});
  assert.match((await initialized).sessionId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(await status, { status: "ready" });
});

test("initialize is taken once, and initialized any number of times", async (t) => {
  const { url } = await startServer(t);
  const client = await connect(url);
  await client.initialize();
  await assert.rejects(client.request("initialize", { clientName: "again" }), {
    code: -32600,
    message: "initialize may only be sent once per connection",
  });
  client.notify("initialized");
  assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
});

test("what cannot be read is answered with id -1, and the connection goes on", async (t) => {
  const { url } = await startServer(t);
  const client = await connect(url);
  for (const text of ["", "nonsense", "[]", '{"id":1}', '{"id":null,"method":"m"}']) {
    client.send(text);
    const answer = await client.nextMessage();
    assert.deepEqual([answer.id, answer.error?.code], [-1, -32600], text);
  }
  await client.initialize();
});

test("an unknown notification or a stray answer does not end the connection", async (t) => {
  const { url } = await startServer(t);
  const client = await connect(url);
  await client.initialize();
  client.notify("future/notification", {});
  client.send({ id: 77, result: {} });
  assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
});

test("a message in binary frames or in fragments is read like any other", async (t) => {
  const { url } = await startServer(t);
  const client = await connect(url);
  await client.initialize();
  const text = '{"id":"bits","method":"environment/status"}';
  client.socket.send(Buffer.from(text), { binary: true });
  assert.equal((await client.nextMessage()).id, "bits");
  client.socket.send(text.slice(0, 9), { fin: false });
  client.socket.ping("between");
  client.socket.send(text.slice(9), { fin: true });
  assert.equal((await client.nextMessage()).id, "bits");
});

test("environment/info says what initialize said, and no more than it should", async (t) => {
  const { url } = await startServer(t, { env: { MARK: "planted", CODEX_API_KEY: "planted" } });
  const client = await connect(url);
  const { environmentInfo } = await client.initialize();
  assert.deepEqual(await client.request("environment/info", null), environmentInfo);
  assert.doesNotMatch(JSON.stringify(environmentInfo), /planted|MARK/);
});

test("the executor's configuration is empty, and says whose it would be", async (t) => {
  const env = { HOME: "/home/someone", CODEX_HOME: "/home/someone/codex" };
  const { url } = await startServer(t, { env });
  const client = await connect(url);
  await client.initialize();
  const nothing = { layers: [], cloudInsertionIndex: 0 };
  const config = await client.request("environmentConfig/read", {
    cwd: "file:///",
    configPaths: [["mcp_servers"]],
    requirementsPaths: [],
  });
  assert.deepEqual(
    { ...config, hostname: "" },
    {
      userHomeDir: "file:///home/someone",
      codexHomeDir: "file:///home/someone/codex",
      hostname: "",
      config: nothing,
      requirements: nothing,
    },
  );
});
