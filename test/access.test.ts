import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const folder = temporaryFolder({ after }, "access");

const token = "a capability that nobody guesses";
const secret = "a shared secret that is long enough for HS256";
const tokenFile = fileWith("token", ` ${token}\n`);
const secretFile = fileWith("secret", `${secret}\n`);
const byToken = ["--ws-auth", "capability-token", "--ws-token-file", tokenFile];
const bySecret = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", secretFile];

function fileWith(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** Asks for a WebSocket and tells what came instead, or 101. */
function upgrade(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const upgradeHeaders = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  return new Promise((resolve, reject) => {
    const asked = request(url.replace("ws:", "http:"), {
      agent: false,
      headers: { ...upgradeHeaders, ...headers },
    });
    asked.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, text: "" });
    });
    asked.on("response", async (response) => {
      let text = "";
      for await (const part of response.setEncoding("utf8")) text += part;
      resolve({ status: response.statusCode, text });
    });
    asked.on("error", reject).end();
  });
}

const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

describe("a capability token", () => {
  const rows: [string, Record<string, string>, number, string][] = [
    ["the token", bearer(token), 101, ""],
    ["the scheme in lower case", { authorization: `bearer   ${token} ` }, 101, ""],
    ["no header", {}, 401, "missing websocket bearer token"],
    ["another scheme", { authorization: `Basic ${token}` }, 401, "invalid authorization header"],
    ["no token", { authorization: "Bearer" }, 401, "invalid authorization header"],
    ["another token", bearer(`${token}x`), 401, "invalid websocket bearer token"],
    ["a part of the token", bearer(token.slice(1)), 401, "invalid websocket bearer token"],
    ["a web page with the token", { ...bearer(token), origin: "http://127.0.0.1" }, 403, ""],
  ];
  for (const [title, headers, status, text] of rows) {
    test(`${title}: ${status}`, async (t) => {
      const { url } = await startServer(t, { args: byToken });
      assert.deepEqual(await upgrade(url, headers), { status, text });
    });
  }

  test("can be given by its digest, in either case", async (t) => {
    const digest = createHash("sha256").update(token).digest("hex").toUpperCase();
    const args = ["--ws-auth", "capability-token", "--ws-token-sha256", digest];
    const { url } = await startServer(t, { args });
    assert.equal((await upgrade(url, bearer(token))).status, 101);
    assert.equal((await upgrade(url, bearer("other"))).status, 401);
  });

  test("is asked for by the metrics, and not by the probes", async (t) => {
    const { url } = await startServer(t, { args: byToken });
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(url.replace("ws:", "http:") + path, { headers })).status;
    assert.equal(await status("/metrics"), 401);
    assert.equal(await status("/metrics", bearer(token)), 200);
    assert.equal(await status("/metrics", { ...bearer(token), origin: "null" }), 403);
    assert.equal(await status("/readyz"), 200);
    assert.equal(await status("/livez"), 200);
  });

  test("is good also from an address that tried too many wrong ones, which has to wait", async (t) => {
    const server = await startServer(t, { args: byToken });
    for (let attempt = 0; attempt < 30; attempt++) await upgrade(server.url);
    for (let attempt = 0; attempt < 20; attempt++) {
      assert.equal((await upgrade(server.url, bearer(`guess ${attempt}`))).status, 401);
    }
    const { status, text } = await upgrade(server.url, bearer("guess 20"));
    assert.equal(status, 429);
    assert.match(text, /too many refused tokens from this address; try again in \d+ s/);
    assert.equal((await upgrade(server.url, bearer(token))).status, 101);
    await server.stop();
    assert.match(server.stderr(), /too many refused tokens/);
    assert.doesNotMatch(server.stderr(), /guess/);
  });
});

describe("a signed bearer token", () => {
  const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow;
  const base64Url = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  function jwt(claims: object, { key = secret, alg = "HS256" } = {}): string {
    const body = `${base64Url({ alg, typ: "JWT" })}.${base64Url(claims)}`;
    const digest = alg === "HS512" ? "sha512" : "sha256";
    const signature = createHmac(digest, key).update(body).digest("base64url");
    return `${body}.${alg === "none" ? "" : signature}`;
  }

  const good = { exp: seconds(600) };
  const issued = { ...good, iss: "us", aud: ["other", "here"] };
  const claims = ["--ws-issuer", "us", "--ws-audience", "here"];
  const rows: [string, string[], () => string, number, string][] = [
    ["one that is good", [], () => jwt(good), 101, ""],
    ["another key", [], () => jwt(good, { key: "x".repeat(40) }), 401, "invalid websocket jwt"],
    ["another algorithm", [], () => jwt(good, { alg: "HS512" }), 401, "invalid websocket jwt"],
    ["no signature", [], () => jwt(good, { alg: "none" }), 401, "invalid websocket jwt"],
    ["no token at all", [], () => "abc", 401, "invalid websocket jwt"],
    ["no end", [], () => jwt({}), 401, "invalid websocket jwt"],
    ["an end within the skew", [], () => jwt({ exp: seconds(-20) }), 101, ""],
    ["an end beyond the skew", [], () => jwt({ exp: seconds(-60) }), 401, "expired websocket jwt"],
    [
      "a start in the future",
      [],
      () => jwt({ ...good, nbf: seconds(300) }),
      401,
      "websocket jwt is not valid yet",
    ],
    [
      "an end within no skew",
      ["--ws-max-clock-skew-seconds", "0"],
      () => jwt({ exp: seconds(-20) }),
      401,
      "expired websocket jwt",
    ],
    ["the right issuer and audience", claims, () => jwt(issued), 101, ""],
    [
      "no issuer",
      claims,
      () => jwt({ ...good, aud: "here" }),
      401,
      "websocket jwt issuer mismatch",
    ],
    [
      "another issuer",
      claims,
      () => jwt({ ...issued, iss: "them" }),
      401,
      "websocket jwt issuer mismatch",
    ],
    [
      "another audience",
      claims,
      () => jwt({ ...issued, aud: "there" }),
      401,
      "websocket jwt audience mismatch",
    ],
  ];
  // A token is made when it is used: one of the rows would not be good for long.
  for (const [title, args, credential, status, text] of rows) {
    test(`${title}: ${status}`, async (t) => {
      const { url } = await startServer(t, { args: [...bySecret, ...args] });
      assert.deepEqual(await upgrade(url, bearer(credential())), { status, text });
    });
  }
});
