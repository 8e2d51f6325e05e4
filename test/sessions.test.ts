import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { untilDead } from "./support/process-table.ts";
import { startServer } from "./support/server.ts";
import { until } from "./support/until.ts";
import { whileAwake } from "./support/while-awake.ts";

const unknownId = "00000000-0000-4000-8000-000000000000";

const shell = (processId: string, script: string, more = {}) => ({
  processId,
  argv: ["/bin/sh", "-c", script],
  cwd: "file:///var/tmp",
  env: { PATH: "/usr/bin:/bin" },
  tty: false,
  ...more,
});

const textOf = (chunk: string) => Buffer.from(chunk, "base64").toString();

/** Resumes a session, whose loss the server may notice a moment after the client. */
async function resume(url: string, sessionId: string, more = {}): Promise<Client> {
  for (;;) {
    const client = await connect(url);
    try {
      await client.initialize({ resumeSessionId: sessionId, ...more });
      return client;
    } catch (error) {
      await client.cut();
      if ((error as { code?: number }).code !== -32010) throw error;
    }
  }
}

describe("a session", () => {
  test("has an id of its own, a UUID of version 4", async (t) => {
    const { url } = await startServer(t);
    const ids = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const client = await connect(url);
      const { sessionId } = await client.initialize();
      assert.match(
        sessionId,
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      ids.add(sessionId);
      await client.close();
    }
    assert.equal(ids.size, 3);
  });

  test("keeps its processes and their numbering when the connection is cut", async (t) => {
    const { url } = await startServer(t);
    const first = await connect(url);
    const { sessionId } = await first.initialize();
    const script = 'echo one; read line; echo "got $line"; exit 4';
    await first.request("process/start", shell("p", script, { pipeStdin: true }));
    assert.equal((await first.event("process/output")).seq, 1);
    await first.cut();

    const second = await resume(url, sessionId);
    const chunk = Buffer.from("hello\n").toString("base64");
    await second.request("process/write", { processId: "p", chunk, writeId: "1" });
    const output = await second.event("process/output");
    assert.deepEqual([output.seq, textOf(output.chunk)], [2, "got hello\n"]);
    assert.equal((await second.event("process/exited")).exitCode, 4);
    const { nextSeq, closed } = await second.request("process/read", {
      processId: "p",
      afterSeq: (await second.event("process/closed")).seq,
    });
    assert.deepEqual([nextSeq, closed], [5, true]);
  });

  test("gives what was printed while nobody was attached, and pushes nothing twice", async (t) => {
    const { url } = await startServer(t);
    const first = await connect(url);
    const { sessionId } = await first.initialize();
    await first.request("process/start", shell("p", "read line; echo unseen", { pipeStdin: true }));
    const chunk = Buffer.from("\n").toString("base64");
    first.notify("initialized");
    first.send({
      id: 99,
      method: "process/write",
      params: { processId: "p", chunk, writeId: "1" },
    });
    await first.close();

    const second = await resume(url, sessionId);
    let read = await second.request("process/read", { processId: "p", waitMs: 5000 });
    while (!read.closed) {
      read = await second.request("process/read", {
        processId: "p",
        afterSeq: read.nextSeq - 1,
        waitMs: 5000,
      });
    }
    const whole = await second.request("process/read", { processId: "p" });
    assert.deepEqual(
      whole.chunks.map((piece) => textOf(piece.chunk)),
      ["unseen\n"],
    );
    assert.deepEqual([whole.exitCode, whole.closed, whole.nextSeq], [0, true, 4]);
  });

  test("stays with a connection that lives, which is not disturbed", async (t) => {
    const { url } = await startServer(t);
    await whileAwake(async () => {
      const holder = await connect(url);
      const { sessionId } = await holder.initialize();
      const other = await connect(url);
      await assert.rejects(
        other.request("initialize", { clientName: "x", resumeSessionId: sessionId }),
        {
          code: -32010,
          message: `session ${sessionId} is already attached to another connection`,
        },
      );
      assert.deepEqual(await holder.request("environment/status", {}), { status: "ready" });
    });
  });

  test("is given up at once to a connection of the same client, and to no other", async (t) => {
    const { url } = await startServer(t);
    await whileAwake(async () => {
      const holder = await connect(url);
      const clientId = "a secret of the client";
      const { sessionId } = await holder.initialize({ clientId });
      for (const other of [undefined, null, "a secret of another one"]) {
        const client = await connect(url);
        const resuming = client.initialize({ resumeSessionId: sessionId, clientId: other });
        await assert.rejects(resuming, { code: -32010 });
        await client.close();
      }
      const next = await connect(url);
      await next.initialize({ resumeSessionId: sessionId, clientId });
      await holder.closed;
      assert.deepEqual(await next.request("environment/status", {}), { status: "ready" });
    });
  });

  test("pushes nothing to a client that wants to read before, and then all in order", async (t) => {
    const { url } = await startServer(t);
    const first = await connect(url);
    const { sessionId } = await first.initialize();
    const script = "echo seen; while read line; do echo $line; done";
    await first.request("process/start", shell("p", script, { pipeStdin: true }));
    await first.event("process/output");
    await first.cut();
    const client = await resume(url, sessionId, { holdEvents: true });
    const untilNext = (seq: number) =>
      until(`event ${seq - 1}`, async () => {
        const { processes } = await client.request("process/list", {});
        return processes[0]?.nextSeq === seq;
      });
    const lines = ["one", "two", "three"];
    for (const [at, line] of lines.entries()) {
      const chunk = Buffer.from(`${line}\n`).toString("base64");
      await client.request("process/write", { processId: "p", chunk, writeId: line });
      await untilNext(at + 3);
    }
    await client.request("process/closeStdin", { processId: "p" });
    await untilNext(7);
    client.send({ id: "held", method: "environment/status", params: {} });
    assert.equal((await client.nextMessage()).id, "held");
    const read = { processId: "p", afterSeq: 1, maxBytes: 1, pushRest: true };
    const page = await client.request<"process/read">("process/read", read);
    assert.deepEqual([textOf(page.chunks[0]?.chunk ?? ""), page.exited], ["one\n", false]);
    for (const [at, line] of lines.slice(1).entries()) {
      const { seq, chunk } = await client.event("process/output");
      assert.deepEqual([seq, textOf(chunk)], [at + 3, `${line}\n`]);
    }
    assert.equal((await client.event("process/exited")).seq, 5);
    assert.equal((await client.event("process/closed")).seq, 6);
  });

  test("is taken from a connection that no longer answers, whose long poll ends", async (t) => {
    const { url } = await startServer(t);
    const silent = await connect(url);
    const { sessionId } = await silent.initialize();
    await silent.request("process/start", shell("p", "sleep 300"));
    silent.socket.pause();
    const next = await resume(url, sessionId);
    const { exited } = await next.request("process/read", { processId: "p" });
    assert.equal(exited, false);
    silent.socket.resume();
    await silent.closed;
  });

  test("goes to one of those who want to resume it at the same time", async (t) => {
    const { url } = await startServer(t);
    await whileAwake(async () => {
      const first = await connect(url);
      const { sessionId } = await first.initialize();
      await first.close();
      const rivals = await Promise.all(Array.from({ length: 4 }, () => connect(url)));
      const outcomes = await Promise.allSettled(
        rivals.map((rival) => rival.initialize({ resumeSessionId: sessionId })),
      );
      const codes = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? "resumed" : outcome.reason.code,
      );
      assert.deepEqual(codes.sort(), [-32010, -32010, -32010, "resumed"]);
    });
  });

  test("that is unknown is refused, and the connection may open a new one", async (t) => {
    const { url } = await startServer(t);
    const client = await connect(url);
    await assert.rejects(client.initialize({ resumeSessionId: unknownId }), {
      code: -32600,
      message: `unknown session id ${unknownId}`,
    });
    const { sessionId } = await client.initialize();
    assert.notEqual(sessionId, unknownId);
  });

  test("ends when its time without a connection is over, and its processes with it", async (t) => {
    const { url } = await startServer(t, { args: ["--session-ttl", "0.2"] });
    const client = await connect(url);
    const { sessionId } = await client.initialize();
    await client.request("process/start", shell("p", 'trap "" TERM; echo $$; exec sleep 300'));
    const pid = Number(textOf((await client.event("process/output")).chunk));
    await client.cut();
    await untilDead(pid);
    const late = await connect(url);
    await assert.rejects(late.initialize({ resumeSessionId: sessionId }), {
      message: `unknown session id ${sessionId}`,
    });
  });

  test("can be ended by its client: processes die, the id is forgotten", async (t) => {
    const { url } = await startServer(t);
    const client = await connect(url);
    const { sessionId } = await client.initialize();
    await client.request("process/start", shell("p", "echo $$; exec sleep 300"));
    const pid = Number(textOf((await client.event("process/output")).chunk));
    assert.deepEqual(await client.request("session/end", {}), {});
    await untilDead(pid);
    await assert.rejects(client.request("process/list", {}), { code: -32600 });
    const late = await connect(url);
    await assert.rejects(late.initialize({ resumeSessionId: sessionId }), { code: -32600 });
  });
});
