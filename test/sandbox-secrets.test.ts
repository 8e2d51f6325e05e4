import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SignJWT } from "jose";
import type { Sandbox } from "../src/protocol/sandbox.ts";
import { makeCertificate } from "./support/certificate.ts";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { sandboxOf, special, workspaceOnly, workspaceWrite } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

test("no confined command reads the server's token, unless it may write everything", async (t) => {
  const directory = temporaryFolder(t, "/var/tmp/sandbox-secrets");
  const at = (name: string) => join(directory, name);
  mkdirSync(at("ws"));
  writeFileSync(at("ws/token"), "the token");
  writeFileSync(at("ws/other"), "no secret");
  symlinkSync(at("ws/token"), at("link"));
  const auth = ["--ws-auth", "capability-token", "--ws-token-file", at("link")];
  const { url } = await startServer(t, { args: auth });
  const client = await connect(url, { authorization: "Bearer the token" });
  await client.initialize();
  const reads = async (file: string, sandbox?: Sandbox) => {
    const { stdout } = await run(client, { argv: ["/bin/cat", file], sandbox });
    return stdout;
  };
  const policies = {
    "that reads everything": sandboxOf([special("root", "read")], { network: "enabled" }),
    "that writes where the token is": workspaceWrite(at("ws")),
    "that sees little else": workspaceOnly(at("ws"), "read", special("minimal", "read")),
  };
  for (const [which, sandbox] of Object.entries(policies)) {
    assert.equal(await reads(at("ws/token"), sandbox), "", `a command under a policy ${which}`);
    assert.equal(await reads(at("ws/other"), sandbox), "no secret", which);
  }
  const blind = sandboxOf([special("minimal", "read")]);
  assert.equal(
    (await run(client, { argv: ["/bin/echo", "runs"], sandbox: blind })).stdout,
    "runs\n",
  );
  const mighty = sandboxOf([special("root", "write")]);
  for (const sandbox of [mighty, undefined]) {
    assert.equal(await reads(at("ws/token"), sandbox), "the token");
  }
});

test("nor does one read the secret of its signed tokens, or the key of its certificate", async (t) => {
  const directory = temporaryFolder(t, "/var/tmp/sandbox-secrets");
  const { cert, key } = makeCertificate(directory);
  const shared = join(directory, "shared");
  const secret = "a shared secret that is long enough for HS256";
  writeFileSync(shared, secret);
  const auth = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", shared];
  const { url } = await startServer(t, { args: [...auth, "--tls-cert", cert, "--tls-key", key] });
  const token = await new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("10m")
    .sign(Buffer.from(secret));
  const client = await connect(url, { authorization: `Bearer ${token}` });
  await client.initialize();
  const sandbox = sandboxOf([special("root", "read")], { network: "enabled" });
  const readable = async (file: string) => {
    const { stdout } = await run(client, { argv: ["/bin/cat", file], sandbox });
    return stdout !== "";
  };
  assert.deepEqual(await Promise.all([cert, key, shared].map(readable)), [true, false, false]);
});
