import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { InvalidRequestError, NotFoundError, RpcError } from "../../src/client/library.ts";
import type { SetUp } from "./environment-workbench.ts";
import { within } from "./within.ts";

/** Files and directories. */
export function describeFiles(setUp: SetUp): void {
  test("content goes in as text, bytes or streams, and comes out so", async (t) => {
    const { environment, directory } = await setUp(t);
    const path = join(directory, "naïve file");
    const { files } = environment;
    for (const content of ["hällo", Buffer.from("hällo"), new Blob(["hällo"]).stream()]) {
      await files.write(path, content);
      assert.equal(await readFile(path, "utf8"), "hällo");
      assert.equal(await files.readText(path), "hällo");
      assert.deepEqual(Buffer.from(await files.read(path)), Buffer.from("hällo"));
      assert.equal(await new Response(files.stream(path)).text(), "hällo");
      await files.remove(path);
    }
  });

  test("large content passes in blocks", async (t) => {
    const { environment, directory } = await setUp(t);
    const path = join(directory, "large");
    const content = Buffer.alloc(17 * 1024 * 1024 + 5, "abc");
    await environment.files.write(path, content);
    const streamed = await new Response(environment.files.stream(path)).arrayBuffer();
    assert.ok(Buffer.from(streamed).equals(content));
  });

  test("directories are made, listed, walked, copied and removed", async (t) => {
    const { environment, directory } = await setUp(t);
    const { files } = environment;
    const path = (name: string) => join(directory, name);
    await files.makeDirectory(path("a/b"), { recursive: true });
    await writeFile(path("a/b/c ü"), "x");
    await files.copy(path("a"), path("copy"), { recursive: true });
    const file = { isDirectory: false, isFile: true, isSymlink: false };
    assert.deepEqual(await files.list(path("copy/b")), [{ name: "c ü", ...file }]);
    const { entries, truncated } = await files.walk(path("copy"));
    assert.ok(entries.some((entry) => entry.path === path("copy/b/c ü") && entry.kind === "file"));
    assert.equal(truncated, false);
    const { size, modifiedAt, ...kind } = await files.stat(path("copy/b/c ü"));
    assert.equal(size, 1);
    assert.ok(Math.abs(modifiedAt.getTime() - (await stat(path("copy/b/c ü"))).mtimeMs) < 1000);
    assert.equal(kind.isFile, true);
    await files.remove(path("copy"), { recursive: true });
    await files.remove(path("copy"), { recursive: true, force: true });
    assert.equal(await files.realPath(path("a/../a")), path("a"));
  });

  test("errors name what was asked for, once, and the function of the program that asked", async (t) => {
    const { environment, directory } = await setUp(t);
    const { files } = environment;
    const absent = join(directory, "absent");
    const [missing, other] = [/: No such file or directory \(os error 2\)$/, join(directory, "b")];
    const asked: Record<string, () => Promise<unknown>> = {
      readText: () => files.readText(absent),
      stream: () => new Response(files.stream(absent)).text(),
      write: () => files.write(`${absent}/a`, "text"),
      stat: () => files.stat(new URL(`file://${absent}`)),
      remove: () => files.remove(absent, new AbortController()),
      copy: () => files.copy(absent, other),
    };
    for (const [name, ask] of Object.entries(asked)) {
      const { message, stack } = await (async function asker() {
        return assert.fail(String(await ask()));
      })().catch((error) => error);
      assert.match(message, missing, name);
      assert.equal(message.split(absent).length, 2, message);
      assert.match(stack, name === "stream" ? /absent/ : /async asker/, name);
    }
    const refused = await files.read(directory).catch((error) => error);
    assert.equal(refused.message, `path \`${directory}\` is not a file`);
    const unstarted = await environment.run(["no-such-program"]).catch((error) => error);
    assert.match(unstarted.message, /^No such file or directory .*: program `no-such-program`/);
    assert.match(unstarted.stack, /environment-files-contract/);
  });

  test("errors have a class and the code of the wire", async (t) => {
    const { environment, directory } = await setUp(t);
    const { files } = environment;
    const absent = await files.read(join(directory, "absent")).catch((error) => error);
    assert.ok(absent instanceof NotFoundError && absent instanceof RpcError);
    assert.deepEqual([absent.name, absent.code], ["NotFoundError", -32004]);
    await assert.rejects(files.read(directory), InvalidRequestError);
    await assert.rejects(files.read("relative"), TypeError);
    await assert.rejects(files.read(directory, { signal: AbortSignal.abort() }), {
      name: "AbortError",
    });
  });

  test("links are refused in what is read and written in blocks too", async (t) => {
    const { environment, directory } = await setUp(t);
    const { files } = environment;
    await writeFile(join(directory, "file"), "old");
    const link = join(directory, "link");
    await symlink("file", link);
    const options = { followSymlinks: false };
    const refused = { name: "OperationFailedError", message: /link/i };
    await assert.rejects(files.write(link, Buffer.alloc(3 * 1024 * 1024), options), refused);
    await assert.rejects(files.write(link, new Blob(["new"]).stream(), options), refused);
    await assert.rejects(new Response(files.stream(link, options)).text(), refused);
    assert.equal(await readFile(link, "utf8"), "old");
  });

  test("a source that fails is told by its own error, however early that comes", async (t) => {
    const { environment, directory } = await setUp(t);
    const path = join(directory, "file");
    const absent = join(directory, "absent");
    const ofThisProgram = (error: unknown) =>
      !(error instanceof RpcError) && (error as NodeJS.ErrnoException).path === absent;
    // A stream of Node reports this when nobody may have asked for a piece yet.
    const writing = environment.files.write(path, createReadStream(absent));
    await assert.rejects(writing, ofThisProgram);
    const elsewhere = environment.files.stream(absent);
    await assert.rejects(environment.files.write(path, elsewhere), (error) => {
      assert.ok(error instanceof NotFoundError, String(error));
      return error.message.startsWith(`${absent}: `);
    });
  });

  test("what is no content leaves the file as it was, and is an error that says so", async (t) => {
    const { environment, directory } = await setUp(t);
    const path = join(directory, "file");
    await writeFile(path, "old");
    const locked = new Blob(["x"]).stream();
    locked.getReader();
    for (const content of [undefined, null, 5, {}, new Blob(["x"]), new ArrayBuffer(1), locked]) {
      const writing = environment.files.write(path, content as never);
      await assert.rejects(writing, { name: "TypeError", message: /^a file is written from text/ });
    }
    assert.equal(await readFile(path, "utf8"), "old");
    const texts = new Blob(["x"]).stream().pipeThrough(new TextDecoderStream());
    const writing = environment.files.write(path, texts as never);
    await assert.rejects(writing, {
      name: "TypeError",
      message: /^the stream gave .* type string/,
    });
  });

  test("a path that appears is told to whoever watches for it", async (t) => {
    const { environment, directory } = await setUp(t);
    const older = environment.files.watchMissing([join(directory, "never")]);
    const replaced = assert.rejects(older, /replaced by a newer one/);
    const appeared = environment.files.watchMissing([join(directory, "x")]);
    await replaced;
    await environment.files.makeDirectory(join(directory, "x"));
    await within(30_000, "the change", appeared);
    await environment.files.watchMissing([directory]);
  });
}
