import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { SignJWT } from "jose";
import { makeCertificate } from "./support/certificate.ts";
import { connect } from "./support/client.ts";
import { type RunningServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const told = ({ stderr }: RunningServer, line: RegExp) =>
  until(`a line like ${line}`, () => line.test(stderr()));

const ready = { status: "ready" };

describe("a token file that is replaced while the server runs", () => {
  test("is obeyed, by new connections", async (t) => {
    const file = join(temporaryFolder(t, "followed-token"), "token");
    writeFileSync(file, "the first one");
    const auth = ["--ws-auth", "capability-token", "--ws-token-file", file];
    const server = await startServer(t, { args: [...auth, "--log-level", "info"] });
    const before = await connect(server.url, bearer("the first one"));
    await before.initialize();

    writeFileSync(`${file}.new`, "the second one");
    renameSync(`${file}.new`, file);
    await told(server, /read again, .*token/);
    await assert.rejects(connect(server.url, bearer("the first one")), /401/);
    assert.deepEqual(await before.request("environment/status", {}), ready);

    writeFileSync(file, "");
    await told(server, /token must not be empty; what was read before stays in use/);
    const behind = await connect(server.url, bearer("the second one"));
    for (const { socket } of [before, behind]) socket.terminate();
  });
});

test("a shared secret that is replaced while the server runs is obeyed", async (t) => {
  const file = join(temporaryFolder(t, "followed-secret"), "secret");
  const [first, second] = ["1", "2"].map((mark) => mark.repeat(32)) as [string, string];
  const signedBy = async (secret: string) => {
    const jwt = new SignJWT().setProtectedHeader({ alg: "HS256" }).setExpirationTime("10m");
    return bearer(await jwt.sign(Buffer.from(secret)));
  };
  writeFileSync(file, first);
  const auth = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", file];
  const server = await startServer(t, { args: [...auth, "--log-level", "info"] });
  (await connect(server.url, await signedBy(first))).socket.terminate();
  writeFileSync(file, second);
  await told(server, /read again, .*secret/);
  await assert.rejects(connect(server.url, await signedBy(first)), /401/);
  (await connect(server.url, await signedBy(second))).socket.terminate();
});

test("a pipe in the place of a token file holds nobody up", async (t) => {
  const file = join(temporaryFolder(t, "followed-token"), "token");
  writeFileSync(file, "the only one");
  const auth = ["--ws-auth", "capability-token", "--ws-token-file", file];
  const server = await startServer(t, { args: auth });
  execFileSync("mkfifo", [`${file}.new`]);
  renameSync(`${file}.new`, file);
  await told(server, /token is no regular file now; what was read before stays in use/);
  const client = await connect(server.url, bearer("the only one"));
  client.socket.terminate();
});

/** The certificate that a new connection is shown. */
async function shownBy({ url }: RunningServer): Promise<string> {
  const { port } = new URL(url);
  const socket = connectTls({ port: Number(port), host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** Another certificate and its key, for somewhere else. */
function otherCertificate(t: TestContext) {
  return makeCertificate(temporaryFolder(t, "other-certificate"));
}

describe("certificate and key that are replaced while the server runs", () => {
  test("are shown to new connections, unless they are no good", async (t) => {
    const files = makeCertificate(temporaryFolder(t, "followed-certificate"));
    const args = ["--tls-cert", files.cert, "--tls-key", files.key, "--log-level", "info"];
    const server = await startServer(t, { args });
    const client = await connect(server.url);
    await client.initialize();
    const first = await shownBy(server);

    const other = otherCertificate(t);
    cpSync(other.key, files.key);
    cpSync(other.cert, files.cert);
    await told(server, /read again, .*cert\.pem and .*key\.pem/);
    const second = await shownBy(server);
    assert.notEqual(second, first);
    assert.deepEqual(await client.request("environment/status", {}), ready);

    cpSync(otherCertificate(t).cert, files.cert);
    await told(server, /cannot use --tls-cert .*; what was read before stays in use/);
    assert.equal(await shownBy(server), second);
    assert.equal(server.stderr().match(/read again/g)?.length, 1, "one for both files");
    client.socket.terminate();
  });
});
