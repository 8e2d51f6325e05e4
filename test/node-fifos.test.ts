import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { temporaryFolder } from "./support/temporary-folder.ts";

const module = new URL("../src/environment/local/spawn/create-spawner.ts", import.meta.url).href;

/** Starts a program without native functions, and then ends by `end`. */
function startAndEnd(t: TestContext, end: string) {
  const place = temporaryFolder(t, "pipes");
  const script = `
    const { createSpawner } = await import(${JSON.stringify(module)});
    const { readdirSync } = await import("node:fs");
    const spawner = await createSpawner({ kind: "node" });
    const ended = new Promise((ended) => {
      const sink = { output() {}, exited() {}, ended, drained() {}, stdinGone() {} };
      const request = { argv: ["true"], env: { PATH: "/usr/bin:/bin" }, cwd: "/", stdio: "pipes" };
      void spawner.start(request, sink);
    });
    await ended;
    console.log(readdirSync(process.env.TMPDIR).filter((name) => name.startsWith("codex-pipes-")));
    ${end}
  `;
  const options = ["--import", "tsx", "--input-type=module", "--eval", script];
  const env = { ...process.env, TMPDIR: place };
  const { stdout, signal } = spawnSync(process.execPath, options, { env, encoding: "utf8" });
  const [folder = "none"] = /codex-pipes-[\w-]+/.exec(stdout) ?? [];
  return { place, folder: join(place, folder), wasThere: folder !== "none", signal };
}

test("names of pipes are gone when the spawner has been closed", (t) => {
  const { place, wasThere } = startAndEnd(t, "await spawner.close();");
  assert.equal(wasThere, true);
  assert.deepEqual(
    readdirSync(place).filter((name) => name.startsWith("codex-pipes-")),
    [],
  );
});

test("names of pipes are removed when the server was killed", async (t) => {
  const { folder, wasThere, signal } = startAndEnd(t, "process.kill(process.pid, 'SIGKILL');");
  assert.equal(signal, "SIGKILL");
  assert.equal(wasThere, true);
  while (existsSync(folder)) await setImmediate();
});
