import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { localEnvironment } from "../src/environment/local/environment.ts";
import { defaultLimits, outboundBytesMax, unreadErrorBytesMax } from "../src/limits.ts";
import { startExecServer } from "../src/server/exec-server.ts";
import type { Log } from "../src/server/log.ts";
import { connect } from "./support/client.ts";

const answerChars = 32 * 1024 * 1024;

test("a client that sends on and on and reads nothing is cut off, and nobody else", async (t) => {
  const cuts: string[] = [];
  const log = (_: string, message: string) => void cuts.push(message);
  const local = await localEnvironment({ variables: {}, cwd: "/", version: "test" });
  const talkative = {
    ...local,
    fileSystem: (...args: Parameters<typeof local.fileSystem>) => ({
      ...local.fileSystem(...args),
      canonicalize: async () => ({ path: "x".repeat(answerChars) }),
    }),
  };
  const server = await startExecServer({
    address: { host: "127.0.0.1", port: 0 },
    tls: undefined,
    access: async () => undefined,
    limits: defaultLimits,
    sessionTtlMs: 1000,
    environment: Promise.resolve(talkative),
    log: Object.assign(log, { writes: () => false }) as Log,
    audit: undefined,
  });
  t.after(() => server.close());
  const [deaf, other] = [await connect(server.url), await connect(server.url)];
  await deaf.initialize();
  await other.initialize();
  deaf.socket.pause();
  // More than may wait for one connection; further requests are refused.
  for (let bytes = 0; bytes <= outboundBytesMax + answerChars; bytes += answerChars) {
    deaf.request("fs/canonicalize", { path: "file:///" }).catch(() => undefined);
  }
  for (let sent = 0; cuts.length === 0 && sent < unreadErrorBytesMax / 50; sent++) {
    deaf.send("no request");
    if (sent % 1000 === 0) await setImmediate();
  }
  assert.deepEqual(cuts, ["connection cut: its client sends on and reads no answers"]);
  await other.request("environment/status", {});
});
