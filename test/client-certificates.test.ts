import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { connect } from "../src/client/library.ts";
import { makeCertificate } from "./support/certificate.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** A server with a certificate that nobody knows. */
async function setUp(t: TestContext) {
  const folder = temporaryFolder(t, "certificates");
  const { cert, key } = makeCertificate(folder);
  const { url } = await startServer(t, { args: ["--tls-cert", cert, "--tls-key", key] });
  return { url, cert };
}

test("a certificate that is not trusted is an error that says how it would be", async (t) => {
  const { url } = await setUp(t);
  const advice = /self.signed certificate; .* started with NODE_EXTRA_CA_CERTS=FILE$/;
  await assert.rejects(connect(url), { name: "ConnectionError", message: advice });
});

test("a server with TLS that is taken for one without it, or the reverse, is told of", async (t) => {
  const { url: encrypted } = await setUp(t);
  const { url: plain } = await startServer(t);
  const unencrypted =
    /^websocket ws:.*; if what answers there serves TLS, its URL begins with wss:\/\/$/;
  const attempt = connect(encrypted.replace("wss:", "ws:"));
  await assert.rejects(attempt, { name: "ConnectionError", message: unencrypted });
  const message =
    /^websocket wss:.*; what answers there does not speak TLS: .* begins with ws:\/\/$/;
  await assert.rejects(connect(plain.replace("ws:", "wss:")), { name: "ConnectionError", message });
});

test("a program that is started as the error says trusts it", async (t) => {
  const { url, cert } = await setUp(t);
  const library = new URL("../src/client/library.ts", import.meta.url).href;
  const program = `import { connect } from ${JSON.stringify(library)};
    const machine = await connect(${JSON.stringify(url)});
    process.stdout.write((await machine.run(["echo", "trusted"])).stdout);
    await machine.close();`;
  const options = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", program];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: cert };
  const { stdout } = await promisify(execFile)(process.execPath, options, { env });
  assert.equal(stdout, "trusted\n");
});
