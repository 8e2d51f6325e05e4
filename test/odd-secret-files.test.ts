import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeCertificate } from "./support/certificate.ts";
import { connect } from "./support/client.ts";
import { launchServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const folder = temporaryFolder({ after }, "odd-secrets");
const at = (name: string) => join(folder, name);
const { cert, key } = makeCertificate(folder);

mkdirSync(at("folder"));
writeFileSync(at("huge"), "");
truncateSync(at("huge"), 4 * 2 ** 30);
execFileSync("mkfifo", [at("pipe")]);

const files: [path: string, complaint: RegExp][] = [
  [at("huge"), /huge: it is larger than 1048576 bytes\n$/],
  [at("folder"), /folder: it is a directory\n$/],
  [at("pipe"), /pipe: nobody writes into this pipe\n$/],
  ["/dev/zero", /\/dev\/zero: it is neither a file nor a pipe\n$/],
];
const uses: [option: string, args: (file: string) => string[]][] = [
  ["--ws-token-file", (file) => ["--ws-auth", "capability-token", "--ws-token-file", file]],
  [
    "--ws-shared-secret-file",
    (file) => ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", file],
  ],
  ["--tls-cert", (file) => ["--tls-cert", file, "--tls-key", key]],
  ["--tls-key", (file) => ["--tls-cert", cert, "--tls-key", file]],
];

for (const [option, args] of uses) {
  test(`${option} refuses what is no file of that kind, without reading all of it`, async () => {
    for (const [path, complaint] of files) {
      const server = launchServer({ args: args(path) });
      assert.equal((await server.ended()).code, 1);
      assert.match(server.stderr(), /^Error: failed to read /);
      assert.match(server.stderr(), complaint);
    }
  });
}

test("A token comes through a pipe as soon as its writer has it", async (t) => {
  const script = 'exec "$@" --ws-auth capability-token --ws-token-file <(sleep 0.2; echo secret)';
  const server = await startServer(t, { startedBy: ["bash", "-c", script, "sh"] });
  const client = await connect(server.url, { authorization: "Bearer secret" });
  await client.initialize();
  await client.close();
});
