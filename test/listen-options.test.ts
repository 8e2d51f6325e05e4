import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { makeCertificate } from "./support/certificate.ts";
import { connect } from "./support/client.ts";
import { launchServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const folder = temporaryFolder({ after }, "listen-options");

const token = "a capability that nobody guesses";
const secret = "a shared secret that is long enough for HS256";
const tokenFile = fileWith("token", token);
const secretFile = fileWith("secret", secret);
const byToken = ["--ws-auth", "capability-token", "--ws-token-file", tokenFile];
const bySecret = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", secretFile];

function fileWith(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function encryptedKey(key: string): string {
  const encryption = { cipher: "aes-256-cbc", passphrase: "a word" };
  return fileWith("encrypted.pem", pemOf(createPrivateKey(readFileSync(key)), encryption));
}

function otherKey(kind: "ec" | "ed25519"): string {
  const { privateKey } =
    kind === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "prime256v1" })
      : generateKeyPairSync("ed25519");
  return fileWith(`${kind}.pem`, pemOf(privateKey));
}

const pemOf = (key: KeyObject, encryption = {}) =>
  key.export({ type: "pkcs8", format: "pem", ...encryption }).toString();

describe("wss", () => {
  const { cert, key } = makeCertificate(folder);
  const tls = ["--tls-cert", cert, "--tls-key", key];

  test("serves encrypted connections and prints a wss URL", async (t) => {
    const server = await startServer(t, { args: [...tls, ...byToken] });
    assert.match(server.url, /^wss:\/\/127\.0\.0\.1:\d+$/);
    const client = await connect(server.url, { authorization: `Bearer ${token}` });
    await client.initialize();
    assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
    await client.close();
    await assert.rejects(connect(server.url.replace("wss:", "ws:")));
  });

  test("does not wait at its end for a client that never begins to encrypt", async (t) => {
    const server = await startServer(t, { args: tls });
    const silent = createConnection(Number(new URL(server.url).port), "127.0.0.1");
    t.after(() => void silent.destroy());
    await once(silent, "connect");
    // The server has accepted it when it serves one that came later.
    const client = await connect(server.url);
    await client.initialize();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test("warns of nobody who only looks whether it listens", async (t) => {
    const server = await startServer(t, { args: [...tls, "--log-level", "debug"] });
    const probe = createConnection(Number(new URL(server.url).port), "127.0.0.1");
    probe.once("connect", () => probe.end());
    await until("the line of the probe", () => /TLS handshake failed/.test(server.stderr()));
    assert.doesNotMatch(server.stderr(), /"level":"warn"/);
  });

  test("logs why a client that does not speak TLS was refused, in a few words", async (t) => {
    const server = await startServer(t, { args: tls });
    const plain = createConnection(Number(new URL(server.url).port), "127.0.0.1");
    plain.on("error", () => undefined);
    plain.write("GET / HTTP/1.1\r\n\r\n");
    await until("the line of the client", () => /TLS handshake failed/.test(server.stderr()));
    assert.match(server.stderr(), /"reason":"http request"/);
    plain.destroy();
  });

  const refused: [string, string[], RegExp][] = [
    ["a certificate without a key", ["--tls-cert", cert], /required together/],
    ["a key without a certificate", ["--tls-key", key], /required together/],
    ["wss without a certificate", ["--listen", "wss://127.0.0.1:0"], /needs `--tls-cert FILE`/],
    [
      "a certificate that is not there",
      ["--tls-cert", join(folder, "nope"), "--tls-key", key],
      /failed to read --tls-cert .*nope/,
    ],
    [
      "a certificate that is none",
      ["--tls-cert", tokenFile, "--tls-key", key],
      /cannot use --tls-cert \S+token: no usable certificate in PEM \(/,
    ],
    [
      "a key that is none",
      ["--tls-cert", cert, "--tls-key", tokenFile],
      /cannot use --tls-key \S+token: no private key in PEM \(/,
    ],
    [
      "a key with a passphrase",
      ["--tls-cert", cert, "--tls-key", encryptedKey(key)],
      /cannot use --tls-key \S+: the key has a passphrase; remove it by openssl pkey -in /,
    ],
    [
      "another certificate's key",
      ["--tls-cert", cert, "--tls-key", otherKey("ec")],
      /cannot use --tls-cert \S+ and --tls-key \S+: the key is not that of the certificate/,
    ],
    [
      "a key of another kind than the certificate's",
      ["--tls-cert", cert, "--tls-key", otherKey("ed25519")],
      /cannot use --tls-cert \S+ and --tls-key \S+: the key is not that of the certificate/,
    ],
  ];
  for (const [title, args, complaint] of refused) {
    test(`refuses ${title}`, () => checkRefusal(args, complaint));
  }
});

describe("options that do not go together are refused:", () => {
  const mode = ["--ws-auth", "capability-token"];
  const signed = ["--ws-auth", "signed-bearer-token"];
  const missing = join(folder, "missing");
  const digest = "0".repeat(64);
  const empty = fileWith("empty", " \n");
  const short = fileWith("short", "too short");
  const rows: [string, string[], RegExp][] = [
    [
      "a mode without a token",
      mode,
      /`--ws-token-file` or `--ws-token-sha256` is required when `--ws-auth capability-token` is set/,
    ],
    ["two tokens", [...byToken, "--ws-token-sha256", digest], /are mutually exclusive/],
    [
      "a digest that is none",
      [...mode, "--ws-token-sha256", "abc"],
      /--ws-token-sha256 must be a 64-character hex SHA-256 digest/,
    ],
    [
      "a token file that is not there",
      [...mode, "--ws-token-file", missing],
      /failed to read websocket auth secret .*missing: /,
    ],
    [
      "an empty token file",
      [...mode, "--ws-token-file", empty],
      /websocket auth secret .*empty must not be empty/,
    ],
    [
      "a mode without a secret",
      signed,
      /`--ws-shared-secret-file` is required when `--ws-auth signed-bearer-token` is set/,
    ],
    [
      "a short secret",
      [...signed, "--ws-shared-secret-file", short],
      /signed websocket bearer secret .*short must be at least 32 bytes/,
    ],
    [
      "a token without a mode",
      ["--ws-token-file", tokenFile],
      /websocket auth flags require `--ws-auth capability-token` or `--ws-auth signed-bearer-token`/,
    ],
    [
      "a token for signed tokens",
      [...bySecret, "--ws-token-file", tokenFile],
      /require `--ws-auth capability-token`, not `signed-bearer-token`/,
    ],
    [
      "a secret for a capability token",
      [...byToken, "--ws-shared-secret-file", secretFile],
      /require `--ws-auth signed-bearer-token`/,
    ],
    ["an unknown mode", ["--ws-auth", "password"], /Allowed choices are capability-token/],
    ["a token and none", [...byToken, "--insecure-no-auth"], /mutually exclusive/],
    [
      "the whole network without a token",
      ["--listen", "ws://0.0.0.0:0"],
      /refusing to listen at 0\.0\.0\.0 without authentication.*--ws-auth capability-token.*ssh/,
    ],
    ["the whole network by IPv6", ["--listen", "ws://[::]:0"], /refusing to listen at ::/],
  ];
  for (const [title, args, complaint] of rows) {
    test(title, () => checkRefusal(args, complaint));
  }

  test("the whole network is served with a token, or by an explicit wish with a warning", async (t) => {
    const everywhere = ["--listen", "ws://0.0.0.0:0"];
    await startServer(t, { args: [...everywhere, ...byToken] });
    const open = await startServer(t, { args: [...everywhere, "--insecure-no-auth"] });
    await open.stop();
    assert.match(open.stderr(), /anybody who can reach 0\.0\.0\.0 can run commands here/);
  });
});

async function checkRefusal(args: string[], complaint: RegExp): Promise<void> {
  const server = launchServer({ args });
  const { code } = await server.ended();
  const stderr = server.stderr();
  assert.match(stderr, /^Error: /);
  assert.match(stderr, complaint);
  assert.doesNotMatch(stderr, /\n +at /);
  assert.ok(!stderr.includes(token) && !stderr.includes(secret), stderr);
  assert.deepEqual({ code, stdout: server.stdout() }, { code: 1, stdout: "" });
}
