import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect } from "./support/client.ts";
import { cuttingProxy } from "./support/cutting-proxy.ts";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

describe("a network that goes silent without a word", () => {
  test("costs nothing: another connection resumes the session, and the old one is cut", async (t) => {
    const server = await startServer(t, { args: ["--log-level", "info"] });
    const proxy = await cuttingProxy(server.url, () => Number.POSITIVE_INFINITY);
    t.after(() => proxy.close());
    const lost = await connect(proxy.url);
    const { sessionId } = await lost.initialize();
    const start = { processId: "p", argv: ["cat"], cwd: "file:///", env: { PATH: "/bin" } };
    await lost.request("process/start", { ...start, tty: false, pipeStdin: true });
    proxy.freeze();
    const next = await connect(server.url);
    await next.initialize({ resumeSessionId: sessionId });
    await next.request("process/write", { processId: "p", chunk: "eAo=", writeId: "1" });
    assert.equal((await next.event("process/output")).chunk, "eAo=");
    await within(30_000, "the end of the old connection", lost.closed);
    await server.stop();
    const [told] = server.stderr().split("\n");
    const { msg, connection, session, reason } = JSON.parse(told ?? "");
    assert.deepEqual([msg, connection, session], ["connection cut", 1, sessionId.slice(0, 8)]);
    assert.equal(reason, "the session was resumed by another connection");
  });

  test("finishes a start that was under way, whose process the next connection finds", async (t) => {
    const server = await startServer(t);
    const proxy = await cuttingProxy(server.url, () => Number.POSITIVE_INFINITY);
    t.after(() => proxy.close());
    const lost = await connect(proxy.url);
    const { sessionId } = await lost.initialize();
    const start = {
      processId: "p",
      argv: ["sleep", "300"],
      cwd: "file:///",
      env: { PATH: "/bin" },
    };
    lost.send({ id: 7, method: "process/start", params: { ...start, tty: false } });
    // The request is with the server as soon as a later one is answered.
    await lost.request("environment/status", {});
    proxy.cutAll();
    await lost.closed;
    const next = await connect(server.url);
    await next.initialize({ resumeSessionId: sessionId });
    const { processes } = await next.request("process/list", {});
    assert.deepEqual(
      processes.map(({ processId, running }) => [processId, running]),
      [["p", true]],
    );
  });
});
