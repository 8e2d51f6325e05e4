import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { makeCertificate } from "./support/certificate.ts";
import { connect } from "./support/client.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const MiB = 1024 * 1024;
const clientsCount = 8;

const residentBytes = (pid: number) =>
  1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

test("an answer that its client does not read is in memory once, also behind TLS", {
  skip: process.platform !== "linux",
}, async (t) => {
  const folder = temporaryFolder(t, "stalled");
  const { cert, key } = makeCertificate(folder);
  const file = join(folder, "large");
  writeFileSync(file, Buffer.alloc(16 * MiB));
  const args = ["--tls-cert", cert, "--tls-key", key, "--log-level", "debug"];
  const server = await startServer(t, { args });
  const answered = () => server.stderr().match(/"method":"fs\/readFile"/g)?.length ?? 0;
  const beforeBytes = residentBytes(server.pid);
  for (let count = 1; count <= clientsCount; count++) {
    const client = await connect(server.url);
    t.after(() => client.socket.terminate());
    await client.initialize();
    client.socket.pause();
    client.send({ id: "x", method: "fs/readFile", params: { path: pathToFileURL(file).href } });
    await until("the answer to be written", () => answered() === count);
  }
  const eachBytes = (residentBytes(server.pid) - beforeBytes) / clientsCount;
  // In base64 it has 22 MB; a second copy would make it 44.
  assert.ok(eachBytes < 34 * MiB, `${Math.round(eachBytes / MiB)} MiB for each client`);
});
