import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inputLines } from "../src/fs-helper/input-lines.ts";
import type { HostPath } from "../src/protocol/path-uri.ts";
import { ownSeccompProgram } from "../src/sandbox/bwrap/seccomp.ts";
import { helperEnvironment, helperLaunch } from "../src/sandbox/workers/launch.ts";
import { uri } from "./support/sandboxes.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const path = (text: string) => text as HostPath;

test("the helper's environment: four names and nothing else", () => {
  const variables = {
    PATH: "/bin",
    TMPDIR: "/t",
    TMP: "/u",
    TEMP: "/v",
    HOME: "/root",
    LANG: "C",
    LD_PRELOAD: "/evil.so",
    NODE_OPTIONS: "--inspect",
    CODEX_API_KEY: "secret",
    path: "/other",
  };
  const kept = { PATH: "/bin", TMPDIR: "/t", TMP: "/u", TEMP: "/v" };
  assert.deepEqual(helperEnvironment(variables), kept);
  assert.deepEqual(helperEnvironment({ HOME: "/root", TMP: undefined }), {});
});

for (const argv0 of [false, true]) {
  test(`the whole launch of a helper, ${argv0 ? "with" : "without"} --argv0`, () => {
    const launch = helperLaunch(
      {
        bwrap: { path: "/usr/bin/bwrap" },
        abilities: { argv0, ownNetwork: true, ownProc: true },
        confinement: {
          base: "readAll",
          mounts: [{ kind: "write", path: path("/w\xc3\xa9") }],
          grants: { rules: [], denyGlobs: [] },
        },
        masks: { file: path("/s/file"), directory: path("/s/dir") },
        controls: [],
        variables: { PATH: "/bin", SECRET: "x" },
        ownVariables: { MARK: "m" },
        command: ["/usr/bin/node", "/s/fs-helper.mjs"],
      },
      3,
    );
    const flags = "--as-pid-1 --new-session --die-with-parent --unshare-user --unshare-pid";
    const argv =
      `${flags} --unshare-ipc --unshare-net --cap-drop ALL --seccomp 3 ` +
      "--ro-bind / / --dev /dev --proc /proc --bind /wé /wé --chdir / --unsetenv MARK " +
      `${argv0 ? "--argv0 codex-fs-helper " : ""}-- /usr/bin/node /s/fs-helper.mjs`;
    assert.deepEqual(launch, {
      file: "/usr/bin/bwrap",
      argv: argv.split(" "),
      env: { PATH: "/bin", MARK: "m" },
      cwd: "/",
      seccomp: ownSeccompProgram({ network: "restricted" }),
    });
  });
}

const program = fileURLToPath(new URL("../src/fs-helper/main.ts", import.meta.url));

/** Runs the helper as one would by hand, and gives its answers. */
function byHand(input: string, nodeOptions: string[] = []): Record<string, unknown>[] {
  const options = { input, encoding: "utf8" as const, maxBuffer: Infinity };
  const argv = [...nodeOptions, "--import", "tsx", program];
  const output = execFileSync(process.execPath, argv, options);
  return output
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test("by hand: a line and the end of input is a one-shot", (t) => {
  const directory = temporaryFolder(t, "/var/tmp/fs-helper");
  const file = join(directory, "f");
  writeFileSync(file, "text");
  const request = { operation: "fs/readFile", params: { path: uri(file) } };
  const response = { dataBase64: Buffer.from("text").toString("base64") };
  const answer = { status: "ok", payload: { operation: "fs/readFile", response } };
  assert.deepEqual(byHand(JSON.stringify(request)), [answer]);
});

test("by hand: lines are answered in order, bad ones with an error", (t) => {
  const directory = temporaryFolder(t, "/var/tmp/fs-helper");
  const at = (name: string) => uri(join(directory, name));
  const rules = [
    { path: "/", access: "read" },
    { path: directory, access: "write" },
    { path: `${directory}/.git`, access: "read" },
  ];
  const write = (name: string) => ({
    operation: "fs/writeFile",
    params: { path: at(name), dataBase64: "eA==" },
  });
  const lines = [
    "no json",
    "[]",
    { operation: "fs/nothing", params: {} },
    { operation: "fs/watchMissing", params: { watchId: 1, missing: [] } },
    { operation: "fs/readFile", params: { path: "/native" } },
    { operation: "confine", params: { rules, denyGlobs: [] } },
    { operation: "confine", params: { rules: [], denyGlobs: [] } },
    write("a"),
    write(".git"),
    write(".git/config"),
    write("missing/a"),
    write("../stray"),
    { operation: "fs/readFile", params: { path: at("missing") } },
  ];
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  const codes = byHand(text.join("\n\n")).map(
    ({ status, payload }) => (payload as { code?: number }).code ?? status,
  );
  const expected = [-32700, -32700, -32601, -32601, -32602, "ok", -32600, "ok", -32603, -32603];
  assert.deepEqual(codes, [...expected, -32004, -32603, -32004]);
  assert.deepEqual(readdirSync(directory), ["a"]);
});

test("by hand: what a request lacks is named", () => {
  const lines = [
    { operation: "fs/readFile", params: {} },
    { operation: "fs/open", params: { path: "file:///etc/hostname" } },
    { operation: "fs/copy", params: { sourcePath: "file:///etc/hostname" } },
  ];
  const messages = byHand(lines.map((line) => JSON.stringify(line)).join("\n")).map(
    ({ payload }) => (payload as { message?: string }).message,
  );
  const missing = ["path", "handleId", "destinationPath"];
  assert.deepEqual(
    messages,
    missing.map((name) => `missing field \`${name}\``),
  );
});

test("by hand: a file is only replaced when that is said", (t) => {
  const directory = temporaryFolder(t, "/var/tmp/fs-helper");
  writeFileSync(join(directory, "f"), "text");
  const params = { handleId: "h", path: uri(join(directory, "f")) };
  byHand(JSON.stringify({ operation: "fs/open", params }));
  assert.equal(readFileSync(join(directory, "f"), "utf8"), "text");
});

test("an answer larger than the pipe arrives whole over a stdout that was left non-blocking", (t) => {
  const directory = temporaryFolder(t, "/var/tmp/fs-helper");
  const content = Buffer.alloc(3_000_000, "text");
  writeFileSync(join(directory, "f"), content);
  const request = { operation: "fs/readFile", params: { path: uri(join(directory, "f")) } };
  // Node makes a pipe non-blocking for whoever asks for its stream.
  const [answer] = byHand(JSON.stringify(request), [
    "--import",
    "data:text/javascript,process.stdout",
  ]);
  const payload = {
    operation: "fs/readFile",
    response: { dataBase64: content.toString("base64") },
  };
  assert.deepEqual(answer, { status: "ok", payload });
});

test("lines are put together however they come", () => {
  const pieces = ["a", "b\nc\n\n", "", "d"].map((piece) => Buffer.from(piece));
  const read = (bytes: Buffer) => {
    const piece = pieces.shift();
    if (piece?.length === 0) throw Object.assign(new Error("not yet"), { code: "EAGAIN" });
    return piece?.copy(bytes) ?? 0;
  };
  assert.deepEqual([...inputLines(read)].map(String), ["ab", "c", "d"]);
});
