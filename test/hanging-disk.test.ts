import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { type Client, connect } from "./support/client.ts";
import { hungMount, hungMountHindrance } from "./support/hung-mount.ts";
import { entryOf, finish, leave, makeGround, torn } from "./support/left-writes.ts";
import { withLongerLimits } from "./support/longer-limits.ts";
import { hasOwnMounts, testInOwnMounts } from "./support/own-mounts.ts";
import { untilDead } from "./support/process-table.ts";
import { workspaceOnly, workspaceWrite } from "./support/sandboxes.ts";
import { hasCurrentBuild, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** Far more than there are threads. */
const hangingCalls = 100;
const skip = hungMountHindrance() ?? false;

// A mount that comes or goes lets the sandboxes of other tests start anew: theirs do not see these.
test("in a mount namespace of their own", { skip: skip || hasOwnMounts }, () =>
  testInOwnMounts(import.meta.url),
);

const command = (processId: string, argv: string[]) => ({
  processId,
  argv,
  cwd: "file:///",
  env: { PATH: "/usr/bin:/bin" },
  tty: false,
});

/** Everything that has nothing to do with the disk that hangs. */
async function checkOthers(client: Client, round: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "beside-"));
  const path = `file://${directory}/file`;
  await client.request("fs/writeFile", { path, dataBase64: "eA==" });
  assert.deepEqual(await client.request("fs/readFile", { path }), { dataBase64: "eA==" });
  rmSync(directory, { recursive: true });
  await client.request("process/start", command(round, ["sleep", "300"]));
  await client.request("process/signal", { processId: round, signal: "interrupt" });
  const { exitCode } = await client.event("process/exited", (event) => event.processId === round);
  assert.equal(exitCode, 130);
  assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
}

describe("a disk whose calls hang", { skip: skip || !hasOwnMounts }, () => {
  const hanging: [string, (client: Client, directory: string, at: number) => Promise<unknown>][] = [
    [
      "metadata",
      (client, directory, at) =>
        client.request("fs/getMetadata", { path: `file://${directory}/${at}` }),
    ],
    [
      "links refused",
      (client, directory, at) =>
        client.request("fs/readFile", { path: `file://${directory}/${at}`, followSymlinks: false }),
    ],
    [
      "opening",
      (client, directory, at) =>
        client.request("fs/open", { handleId: `${at}`, path: `file://${directory}/${at}` }),
    ],
    [
      "programs",
      (client, directory, at) =>
        client.request("process/start", command(`hang ${at}`, [`${directory}/program`])),
    ],
    [
      "folders of the PATH",
      (client, directory, at) =>
        client.request("process/start", {
          ...command(`hang ${at}`, ["missing"]),
          env: { PATH: `${directory}:/bin` },
        }),
    ],
    [
      "confined files",
      (client, directory, at) =>
        client.request("fs/readFile", {
          path: `file://${directory}/${at}`,
          sandbox: workspaceOnly(directory),
        }),
    ],
    [
      "confined commands",
      (client, directory, at) =>
        client.request("process/start", {
          ...command(`hang ${at}`, ["true"]),
          cwd: `file://${directory}`,
          sandbox: workspaceWrite(directory),
        }),
    ],
    [
      "working directories",
      (client, directory, at) =>
        client.request("process/start", {
          ...command(`hang ${at}`, ["true"]),
          cwd: `file://${directory}/d`,
        }),
    ],
  ];
  for (const [title, call] of hanging) {
    test(`delays nothing else, with as many calls as one likes: ${title}`, async (t) => {
      const server = await startServer(t);
      const mount = await hungMount(t);
      const client = await connect(server.url);
      await client.initialize();
      await client.request("process/start", command("before", ["sleep", "300"]));
      const calls = Array.from({ length: hangingCalls }, (_, at) =>
        call(client, mount.directory, at).catch(() => "failed"),
      );
      for (const round of ["first", "second"]) await checkOthers(client, round);
      assert.deepEqual(await client.request("process/terminate", { processId: "before" }), {
        running: true,
      });
      await mount.release();
      for (const outcome of await Promise.all(calls)) assert.equal(outcome, "failed");
      await checkOthers(client, "afterwards");
    });
  }

  test("holds up neither another connection nor the end of the server", async (t) => {
    const server = await startServer(t);
    const mount = await hungMount(t);
    const client = await connect(server.url);
    await client.initialize();
    for (let at = 0; at < hangingCalls; at++) {
      const path = `file://${mount.directory}/${at}`;
      client.request("fs/writeFile", { path, dataBase64: "" }).catch(() => undefined);
    }
    await client.request("environment/status", {});
    await client.cut();
    const other = await connect(server.url);
    await other.initialize();
    await checkOthers(other, "other");
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test("is no place for the journal of writes, nor holds up the start", async (t) => {
    if (!hasCurrentBuild())
      return t.skip("tsx looks for a pipe in TMPDIR, which hangs: build first");
    const mount = await hungMount(t);
    const directory = temporaryFolder(t, "journal");
    symlinkSync(join(mount.directory, "tmp"), join(directory, "tmp"));
    for (const TMPDIR of [join(mount.directory, "tmp"), join(directory, "tmp")]) {
      const server = await startServer(t, { env: { TMPDIR } });
      const client = await connect(server.url);
      await client.initialize();
      // The second time in more steps than one.
      for (const dataBase64 of ["A".repeat(200_000), "A".repeat(100_000)]) {
        const path = `file://${join(directory, "file")}`;
        await client.request("fs/writeFile", { path, dataBase64 });
      }
      await client.request("environment/status", {});
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    }
  });

  test("keeps no other write of a killed server from being finished", (t) =>
    withLongerLimits(500, async (limitMs) => {
      const ground = makeGround(t);
      const mount = await hungMount(t);
      writeFileSync(ground.path("f"), torn);
      const entry = entryOf(ground.path("f"));
      await leave(ground, { ...entry, path: hostPathOf(join(mount.directory, "f")) });
      await leave(ground, entry);
      const { finished, failures } = await finish(ground, limitMs);
      // A call that hangs would keep a thread from the next attempt.
      await mount.release();
      assert.deepEqual(finished, [ground.path("f")]);
      assert.match(
        failures.join("\n"),
        /^\S+ could not be worked off in time; the next start will try$/,
      );
      assert.equal(readdirSync(ground.journals).length, 1);
    }));

  test("lets a session with a start that hangs list and kill its other processes", async (t) => {
    const server = await startServer(t);
    const mount = await hungMount(t);
    const client = await connect(server.url);
    await client.initialize();
    await client.request("process/start", command("p", ["sh", "-c", "echo $$; exec sleep 300"]));
    const { chunk } = await client.event("process/output");
    const pid = Number(Buffer.from(chunk, "base64").toString());
    const hanging = command("hang", [`${mount.directory}/program`]);
    client.request("process/start", hanging).catch(() => undefined);
    const { processes } = await client.request("process/list", {});
    assert.deepEqual(
      processes.map(({ processId }) => processId),
      ["p"],
    );
    client.request("session/end", {}).catch(() => undefined);
    await untilDead(pid);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test("can be linked to by more paths than it has places, up to the threads of the pool", async (t) => {
    const server = await startServer(t);
    const mount = await hungMount(t);
    const client = await connect(server.url);
    await client.initialize();
    const directory = temporaryFolder(t, "links");
    writeFileSync(join(directory, "file"), "");
    await client.request(
      "process/start",
      command("link", ["ln", "-s", mount.directory, directory]),
    );
    await client.event("process/closed");
    const link = `file://${join(directory, mount.directory.split("/").at(-1) ?? "")}`;
    for (let at = 0; at < 20; at++) {
      client.request("fs/getMetadata", { path: `${link}/${at}` }).catch(() => undefined);
    }
    await checkOthers(client, "beside");
  });
});
