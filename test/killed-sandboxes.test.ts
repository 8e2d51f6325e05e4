import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** How often each kind of work is killed; more by hand. */
const kills = Number(process.env.SANDBOX_KILLS ?? 1);
const goneMs = 30_000;
/** From the first work on: the last one begins before that. */
const killedWithinMs = 40;

const host = fileURLToPath(new URL("support/sandbox-host.ts", import.meta.url));
const directory = temporaryFolder({ after }, "killed");

/**
 * A limit that nothing here uses and everything inherits: by its value descendants of one host are
 * known, whatever they have done since.
 */
const messageBytes = () => randomInt(100_000, 800_000);

function bearers(mark: number): string[] {
  const limits = new RegExp(`^Max msgqueue size\\s+${mark}\\s`, "m");
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => limits.test(file(pid, "limits"))).map(told);
}

/** A zombie is dead, and has no arguments any more. */
const told = (pid: string) => `${pid} ${file(pid, "cmdline").replaceAll("\0", " ")}`.trim();

function file(pid: string, name: "limits" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}

const living = (mark: number) => bearers(mark).filter((bearer) => bearer.includes(" "));

async function killOnce(kind: string, work: string): Promise<string[]> {
  const mark = messageBytes();
  const place = mkdtempSync(join(directory, "host-"));
  const command = [process.execPath, "--import", "tsx", host, kind, work, place];
  const script = `ulimit -S -q ${mark} && exec "$@"`;
  const server = spawn("/bin/bash", ["-c", script, "bash", ...command], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(server.stdout, "data");
  assert.notDeepEqual(living(mark), []);
  server.stdin.write("go\n");
  await setTimeout(randomInt(killedWithinMs));
  server.kill("SIGKILL");
  const endMs = performance.now() + goneMs;
  while (living(mark).length > 0 && performance.now() < endMs) await setTimeout(5);
  return living(mark);
}

for (const kind of ["posix", "node"]) {
  describe(`a server killed while it confines, with a spawner of kind ${kind}`, () => {
    for (const work of ["command", "helper", "trial"]) {
      test(`leaves no ${work} behind`, async (context) => {
        for (let count = 0; count < kills; count++) {
          const left = await killOnce(kind, work);
          context.after(() => left.map((one) => process.kill(Number.parseInt(one, 10), "SIGKILL")));
          assert.deepEqual(left, [], `after kill ${count + 1}`);
        }
      });
    }
  });
}
