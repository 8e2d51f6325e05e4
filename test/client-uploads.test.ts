import assert from "node:assert/strict";
import { renameSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { ConnectionError, connect, type FileContent } from "../src/client/library.ts";
import type { Message } from "./support/client.ts";
import { cuttingProxy } from "./support/cutting-proxy.ts";
import { startRelay, type Verdict, withoutCapability } from "./support/relay.ts";
import { place, sandboxOf, special } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

const folder = (t: TestContext) => temporaryFolder(t, "uploads");

/** Every piece of it tells its own place. */
const content = Buffer.from(Uint32Array.from({ length: 3 * 1024 * 1024 }, (_, at) => at).buffer);

/** A source that uses its memory again, as it may. */
async function* source() {
  const memory = Buffer.alloc(100_000);
  for (let at = 0; at < content.length; at += memory.length) {
    yield memory.subarray(0, content.copy(memory, 0, at));
  }
}

const kinds: readonly [string, () => FileContent][] = [
  ["bytes", () => content],
  ["a stream", source],
];

describe("an upload over a line on which no connection lasts as long as it takes", () => {
  for (const [kind, given] of kinds) {
    for (const confined of [false, true]) {
      test(`gets through: ${kind}${confined ? " in a sandbox" : ""}`, async (t) => {
        const directory = folder(t);
        const proxy = await cuttingProxy((await server).url, () => 9_000_000);
        t.after(() => proxy.close());
        const machine = await connect(proxy.url);
        t.after(() => machine.close());
        const path = join(directory, "file");
        const grants = [special("minimal", "read"), place(directory, "write")];
        const options = confined ? { sandbox: sandboxOf(grants) } : {};
        await within(30_000, "the upload", machine.files.write(path, given(), options));
        assert.ok((await readFile(path)).equals(content));
        assert.ok(proxy.cuts() > 0, `${proxy.cuts()} cuts: this run shows nothing`);
        proxy.calm();
      });
    }
  }
});

/** Breaks the connection once, when the first block is written and no other one is under way. */
function breakOnce(meanwhile: () => void) {
  let writes = 0;
  return {
    toServer: ({ method }: Message): Verdict => {
      if (method !== "fs/writeBlock" || ++writes !== 2) return "pass";
      meanwhile();
      return "break";
    },
  };
}

const others: readonly [string, (path: string) => void][] = [
  [
    "replaced",
    (path) => {
      writeFileSync(`${path}.new`, "new");
      renameSync(`${path}.new`, path);
    },
  ],
  ["emptied", (path) => truncateSync(path)],
  ["written anew", (path) => writeFileSync(path, Buffer.alloc(2 * content.length))],
  ["removed", (path) => unlinkSync(path)],
];

describe("of a file that was changed while the connection was broken", () => {
  for (const [deed, change] of others) {
    test(`the upload of bytes begins anew, and that of a stream fails: ${deed}`, async (t) => {
      const path = join(folder(t), "file");
      const rules = () => breakOnce(() => change(path));
      const urls = [rules(), rules()].map(async (rule) => startRelay(t, (await server).url, rule));
      const [first, second] = await Promise.all(urls);
      const writer = await connect(first?.url ?? "");
      t.after(() => writer.close());
      await within(30_000, "the upload", writer.files.write(path, content));
      assert.ok((await readFile(path)).equals(content));

      const streamer = await connect(second?.url ?? "");
      t.after(() => streamer.close());
      const why =
        /^the (file was changed by somebody else while the )?connection (was broken|broke)/;
      const failing = assert.rejects(streamer.files.write(path, source()), (error) => {
        return error instanceof ConnectionError && why.test(error.message);
      });
      await within(30_000, "the failure", failing);
      const left = await readFile(path, "latin1").catch(() => "");
      assert.ok(!left.includes(content.subarray(-1000).toString("latin1")), "nothing was added");
    });
  }
});

test("an executor that cannot go on with a file is asked for what it can", async (t) => {
  const path = join(folder(t), "file");
  const rules = () =>
    withoutCapability(
      "fileWriteResume",
      breakOnce(() => {}),
    );
  const relay = await startRelay(t, (await server).url, rules());
  const machine = await connect(relay.url);
  t.after(() => machine.close());
  await within(30_000, "the upload", machine.files.write(path, content));
  assert.ok((await readFile(path)).equals(content));
  const opens = relay.sent.filter((text) => text.includes("fs/open"));
  assert.equal(opens.length, 2);
  assert.ok(opens.every((text) => text.includes('"replace"') && !text.includes("identify")));

  const other = await connect((await startRelay(t, (await server).url, rules())).url);
  t.after(() => other.close());
  const failing = assert.rejects(other.files.write(path, source()), ConnectionError);
  await within(30_000, "the failure", failing);
});

test("an executor that would follow a link all the same is not asked to", async (t) => {
  const path = join(folder(t), "file");
  const relay = await startRelay(t, (await server).url, withoutCapability("fileOpenNoFollow"));
  const machine = await connect(relay.url);
  t.after(() => machine.close());
  const writing = machine.files.write(path, content, { followSymlinks: false });
  await assert.rejects(writing, { name: "InvalidRequestError", message: /cannot refuse links/ });
  assert.ok(!relay.sent.some((text) => text.includes("fs/open")));
});

test("a signal that lives long keeps nothing of the streamed uploads that it was for", async (t) => {
  const path = join(folder(t), "file");
  const machine = await connect((await server).url);
  t.after(() => machine.close());
  const { signal } = new AbortController();
  // What Node keeps of a signal stands in collections that no program is given.
  const sizes = () =>
    Object.getOwnPropertySymbols(signal).map((name) => Reflect.get(signal, name)?.size ?? 0);
  for (let count = 0; count < 3; count++) {
    await machine.files.write(path, new Blob(["content"]).stream(), { signal });
  }
  assert.ok(!sizes().some((size) => size > 0), `${sizes()}`);
});
