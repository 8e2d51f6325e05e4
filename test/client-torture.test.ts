/**
 * The connection is cut at random points, again and again, and nobody may notice: not a byte of
 * output is missing or comes twice, and every line of input arrives once. With `TORTURE_SEEDS=200
 * TORTURE_LINES=1500000` it runs for a quarter of an hour, with 50 MB for each seed.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Environment } from "../src/client/environment.ts";
import { connect } from "../src/client/library.ts";
import type { Process } from "../src/client/processes/process.ts";
import { type CuttingProxy, cuttingProxy } from "./support/cutting-proxy.ts";
import { seededRandom } from "./support/random.ts";
import { launchServer } from "./support/server.ts";
import { within } from "./support/within.ts";

const seeds = Number(process.env.TORTURE_SEEDS ?? 20);
const lines = Number(process.env.TORTURE_LINES ?? 25_000);
const inputLines = 2_000;
const seedMsMax = 60_000;

/** The longest that a connection lasts: a quarter of what the printer has to say. */
const cutBytesMax = lines * 8;

/** Prints in bursts, so that there are always some lines to come when the connection breaks. */
const printer = `$| = 1; for (1..${lines}) {
  printf "%06d the quick brown fox jumps\\n", $_;
  select undef, undef, undef, 0.002 if $_ % ${lines / 100} == 0;
}`;
const printed = Array.from(
  { length: lines },
  (_, at) => `${String(at + 1).padStart(6, "0")} the quick brown fox jumps\n`,
).join("");

describe("a connection that is cut at random points", () => {
  const server = launchServer();
  let url = "";
  before(async () => {
    url = await within(30_000, "the URL line of the server", server.firstLine, server.stderr);
  });
  after(async () => void (await server.stop()));

  for (let seed = 1; seed <= seeds; seed++) {
    test(`changes nothing that a caller can see, seed ${seed}`, async (t) => {
      const random = seededRandom(seed);
      const proxy = await cuttingProxy(url, () => 1_500 + random() ** 2 * cutBytesMax);
      t.after(() => proxy.close());
      const environment = await connected(proxy);
      t.after(() => environment.close());
      const known = () => `${proxy.cuts()} cuts so far`;
      const work = Promise.all([checkOutput(environment), checkEcho(environment)]);
      await within(seedMsMax, "the end of both processes", work, known);
      assert.ok(proxy.cuts() > 0, "nothing was cut: this run shows nothing");
      proxy.calm();
    });
  }
});

/** The first connection has nothing to resume, so that a caller is told when it breaks. */
async function connected(proxy: CuttingProxy): Promise<Environment> {
  for (;;) {
    try {
      return await connect(proxy.url);
    } catch {
      // Cut before there was a session.
    }
  }
}

async function checkOutput(environment: Environment): Promise<void> {
  const child = await environment.start(["perl", "-e", printer]);
  const output = await textOf(child);
  assert.equal(sha256(output), sha256(printed));
  assert.equal((await child.exit).exitCode, 0);
}

async function checkEcho(environment: Environment): Promise<void> {
  const child = await environment.start(["cat"], { stdin: true });
  const output = textOf(child);
  const input = Array.from({ length: inputLines }, (_, at) => `line ${at + 1}\n`);
  await Promise.all(input.map((line) => child.stdin.write(line)));
  await child.stdin.end();
  assert.deepEqual((await output).split("\n"), input.join("").split("\n"));
}

async function textOf(child: Process): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { bytes, lostBytes } of child) {
    assert.equal(lostBytes, 0);
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString();
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
