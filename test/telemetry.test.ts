import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { run, start } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const folder = temporaryFolder({ after }, "sight");

/** A scrape as a map from `name{labels}` to value. */
async function scrape(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${url.replace("ws:", "http:")}/metrics`, { headers });
  assert.equal(response.status, 200);
  const text = await response.text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const values = new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
  return { text, value: (name: string) => values.get(name) };
}

/** What a client itself has sent and got. */
function ledgerOf(client: Client) {
  const ledger = { sentBytes: 0, receivedBytes: 0 };
  const { socket } = client;
  const send = socket.send.bind(socket);
  socket.send = (text: string) => {
    ledger.sentBytes += Buffer.byteLength(text);
    send(text);
  };
  socket.on("message", (message: Buffer) => {
    ledger.receivedBytes += message.length;
  });
  return ledger;
}

describe("/metrics", () => {
  test("tells under load what the client's own ledger says", async (t) => {
    const { url } = await startServer(t);
    const client = await connect(url);
    const ledger = ledgerOf(client);
    await client.initialize();
    const [outputBytes, processes, refused] = [300_000, 8, 5];
    const load = Array.from({ length: processes }, () =>
      run(client, { argv: ["/usr/bin/head", "-c", String(outputBytes), "/dev/zero"] }),
    );
    const during = await scrape(url);
    assert.ok((during.value("codex_sent_bytes_total") ?? 0) <= processes * outputBytes * 2);
    await Promise.all(load);
    for (let count = 0; count < refused; count++) {
      await assert.rejects(client.request("process/read", { processId: `unknown ${count}` }));
    }
    await assert.rejects(client.request("no/such/method"));

    const { value } = await scrape(url);
    const count = (method: string) =>
      value(`codex_request_duration_seconds_count{method="${method}"}`);
    const told = {
      received: value("codex_received_bytes_total"),
      sent: value("codex_sent_bytes_total"),
      output: value("codex_process_output_bytes_total"),
      processes: value("codex_processes_total"),
      open: value("codex_open_processes"),
      starts: count("process/start"),
      reads: count("process/read"),
      unknown: count("unknown"),
      invalid: value('codex_errors_total{code="-32600"}'),
      notFound: value('codex_errors_total{code="-32601"}'),
      attached: value('codex_open_sessions{state="attached"}'),
      connections: value("codex_open_connections"),
      waiting: value("codex_unanswered_requests"),
    };
    assert.deepEqual(told, {
      received: ledger.sentBytes,
      sent: ledger.receivedBytes,
      output: processes * outputBytes,
      processes,
      open: 0,
      starts: processes,
      reads: refused,
      unknown: 1,
      invalid: refused,
      notFound: 1,
      attached: 1,
      connections: 1,
      waiting: 0,
    });
  });

  test("counts in buckets that grow, and the requests that wait", async (t) => {
    const { url } = await startServer(t);
    const client = await connect(url);
    await client.initialize();
    const processId = await start(client, { argv: ["/bin/sleep", "60"] });
    client.request("process/read", { processId, waitMs: 60_000 }).catch(() => {});
    await client.request("environment/status", {});
    const { text, value } = await scrape(url);
    assert.equal(value("codex_unanswered_requests"), 1);
    assert.equal(value("codex_open_processes"), 1);
    const buckets = [...text.matchAll(/_bucket\{method="process\/start",le="\S+"\} (\d+)/g)];
    const counts = buckets.map(([, bucket]) => Number(bucket));
    assert.equal(counts.at(-1), 1);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    );
  });
});

describe("the log", () => {
  interface Line {
    readonly level: string;
    readonly msg: string;
    readonly [field: string]: unknown;
  }
  async function linesAt(t: Parameters<typeof startServer>[0], level: string): Promise<Line[]> {
    const server = await startServer(t, { args: ["--log-level", level] });
    const client = await connect(server.url);
    await client.initialize();
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const argv = ["/bin/sh", "-c", "echo four; exit 7"];
    const params = { processId: "p", argv, cwd: "file:///", env: {}, tty: false };
    client.send({ id: "started", method: "process/start", params, trace });
    await client.event("process/closed");
    client.send({ id: "traced", method: "environment/status", params: {}, trace });
    await client.nextMessage();
    await client.request("session/end");
    await client.close();
    await server.stop();
    const lines = server.stderr().split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  test("is silent when nothing is wrong", async (t) => {
    assert.deepEqual(await linesAt(t, "warn"), []);
  });

  test("has one line for each process and session at level info", async (t) => {
    const [processLine, sessionLine, ...rest] = await linesAt(t, "info");
    assert.deepEqual(rest, []);
    const { msg, process, exitCode, outputBytes, traceparent } = processLine as Line;
    assert.deepEqual(
      { msg, process, exitCode, outputBytes },
      { msg: "process ended", process: "p", exitCode: 7, outputBytes: 5 },
    );
    assert.match(String(traceparent), /^00-0af7651916cd43dd8448eb211c80319c-/);
    assert.equal(sessionLine?.msg, "session ended");
    assert.equal(sessionLine?.ending, "ended by its client");
    assert.equal(sessionLine?.processes, 1);
    assert.equal(sessionLine?.session, processLine?.session);
  });

  test("says whose message was ignored, in a short line", async (t) => {
    const server = await startServer(t);
    const client = await connect(server.url);
    const { sessionId } = await client.initialize();
    client.notify("x".repeat(100_000));
    client.send({ id: 1, result: {} });
    await client.request("environment/status", {});
    await client.close();
    await server.stop();
    const lines = server.stderr().trimEnd().split("\n");
    const session = sessionId.slice(0, 8);
    for (const line of lines) {
      assert.ok(line.length < 500, `${line.length} characters`);
      assert.deepEqual({ ...JSON.parse(line), connection: 1, session }, JSON.parse(line));
    }
    assert.equal(lines.length, 2);
  });

  test("has one line for each request at level debug, with its trace", async (t) => {
    const lines = (await linesAt(t, "debug")).filter(({ msg }) => msg === "request answered");
    assert.deepEqual(
      lines.map(({ method }) => method),
      ["initialize", "process/start", "environment/status", "session/end"],
    );
    for (const { id, traceparent } of lines.filter(({ id }) => String(id).startsWith('"'))) {
      assert.match(String(traceparent), /^00-0af7651916cd43dd8448eb211c80319c-/, String(id));
    }
  });
});

test("secrets of commands and tokens reach no log, metric or audit line", async (t) => {
  const secret = "planted-5ecre7";
  const audit = join(folder, "audit.jsonl");
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, `${secret}-token`);
  const args = ["--ws-auth", "capability-token", "--ws-token-file", tokenFile];
  const server = await startServer(t, {
    args: [...args, "--log-level", "debug", "--audit-log", audit],
    env: { CODEX_API_KEY: `${secret}-key`, INHERITED: `${secret}-inherited` },
  });
  const headers = { authorization: `Bearer ${secret}-token` };
  await assert.rejects(connect(server.url, { authorization: `Bearer ${secret}-guess` }), /401/);
  const client = await connect(server.url, headers);
  const opened = await client.initialize();
  const env = { PATH: "/usr/bin:/bin", SECRET: `${secret}-variable` };
  const argv = ["/bin/sh", "-c", 'read line; echo "$1 $SECRET $line"', "sh", `${secret}-argument`];
  const processId = await start(client, { argv, env, pipeStdin: true });
  const chunk = Buffer.from(`${secret}-input\n`).toString("base64");
  await client.request("process/write", { processId, chunk, writeId: "1" });
  const { chunk: output } = await client.event("process/output");
  assert.match(Buffer.from(output, "base64").toString(), /-argument .*-variable .*-input/);
  const path = `file://${join(folder, "file")}`;
  await client.request("fs/writeFile", {
    path,
    dataBase64: Buffer.from(secret).toString("base64"),
  });
  await client.event("process/closed");
  const { text } = await scrape(server.url, headers);
  const inherited = await run(client, {
    argv: ["/usr/bin/env"],
    env: {},
    ...{
      envPolicy: {
        inherit: "all",
        ignoreDefaultExcludes: true,
        exclude: [],
        includeOnly: [],
        set: {},
      },
    },
  } as Parameters<typeof run>[1]);
  await client.close();
  await server.stop();

  const told = { log: server.stderr(), metrics: text, audit: readFileSync(audit, "utf8") };
  for (const [place, words] of Object.entries(told)) {
    assert.ok(words.length > 100 && !words.includes(secret), place);
  }
  assert.ok(!JSON.stringify(opened).includes(secret));
  assert.match(inherited.stdout, /-inherited/);
  assert.doesNotMatch(inherited.stdout, /-key|-token/);
});
