import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import {
  type Environment,
  InvalidRequestError,
  NotFoundError,
  OperationFailedError,
  type Process,
  RpcError,
  SessionLostError,
  StdinClosedError,
} from "../../src/client/library.ts";
import { within } from "./within.ts";

type Make = () => Promise<Environment>;

/** What the surface of the library promises, whichever machine is behind it. */
export function describeEnvironment(name: string, make: Make): void {
  const setUp = async (t: TestContext) => {
    const environment = await make();
    t.after(() => environment.close());
    const directory = await mkdtemp(join(tmpdir(), "environment-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    return { environment, directory };
  };
  describe(`environment, ${name}: processes`, () => processes(setUp));
  describe(`environment, ${name}: files`, () => files(setUp));
  describe(`environment, ${name}: HTTP`, () => http(setUp));
  describe(`environment, ${name}: its end`, () => end(setUp));
}

type SetUp = (t: TestContext) => Promise<{ environment: Environment; directory: string }>;

async function textOf(process: Process): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { bytes } of process) parts.push(bytes);
  return Buffer.concat(parts).toString();
}

function processes(setUp: SetUp): void {
  test("a command is run to its end", async (t) => {
    const { environment, directory } = await setUp(t);
    const finished = await environment.run(["sh", "-c", "cat; pwd; echo $A >&2; exit 3"], {
      cwd: directory,
      env: { A: "ä" },
      input: "in\n",
    });
    const stdout = `in\n${directory}\n`;
    assert.deepEqual(finished, {
      exitCode: 3,
      sandboxDenied: false,
      lostBytes: 0,
      stdout,
      stderr: "ä\n",
    });
  });

  test("output is iterated over as it comes, and again where the loop was left", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["cat"], { stdin: true });
    await process.stdin.write("one");
    for await (const { stream, bytes } of process) {
      assert.deepEqual([stream, Buffer.from(bytes).toString()], ["stdout", "one"]);
      break;
    }
    await process.stdin.write(Buffer.from("two"));
    await process.stdin.end();
    assert.equal(await textOf(process), "two");
    assert.deepEqual(await process.exit, { exitCode: 0, sandboxDenied: false });
  });

  test("long input arrives whole and in order, through a stream too", async (t) => {
    const { environment } = await setUp(t);
    const input = Array.from({ length: 100_000 }, (_, at) => `line ${at}\n`).join("");
    const { stdout } = await environment.run(["cat"], { input });
    assert.ok(stdout === input);
    const process = await environment.start(["cat"], { stdin: true });
    const output = textOf(process);
    await new Blob([input]).stream().pipeTo(process.stdin.stream());
    assert.ok((await output) === input);
  });

  test("output that nobody looks at does not hold a process up", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["sh", "-c", "seq 300000"]);
    await within(20_000, "the end of the process", process.closed);
    assert.equal((await textOf(process)).length, 1_988_895);
  });

  test("a terminal has the size that it is given", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["sh", "-c", "stty size; read line; stty size"], {
      terminal: { rows: 10, cols: 20 },
    });
    const sizes = textOf(process);
    await process.resize({ rows: 30, cols: 40 });
    await process.stdin.write("\n");
    assert.match(await sizes, /30 40\r\n$/);
  });

  test("a process is interrupted, killed, or ended by its signal", async (t) => {
    const { environment } = await setUp(t);
    const sleeping = () => environment.start(["sleep", "1000"]);
    const interrupted = await sleeping();
    assert.equal(await interrupted.kill("SIGINT"), true);
    assert.equal((await interrupted.exit).exitCode, 130);
    const killed = await sleeping();
    assert.equal(await killed.kill(), true);
    assert.equal((await killed.exit).exitCode, 137);
    await killed.closed;
    assert.equal(await killed.kill(), false);
    const controller = new AbortController();
    const aborted = await environment.start(["sleep", "1000"], { signal: controller.signal });
    controller.abort();
    assert.equal((await aborted.exit).exitCode, 137);
  });

  test("writing to a process without stdin fails, and so does a start that cannot be", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["sleep", "1000"]);
    await assert.rejects(process.stdin.write("x"), StdinClosedError);
    await assert.rejects(environment.start(["/no/such/program"]), OperationFailedError);
    await assert.rejects(environment.start(["true"], { cwd: "relative" }), TypeError);
    await assert.rejects(environment.start(["true"], { signal: AbortSignal.abort() }), {
      name: "AbortError",
    });
  });
}

function files(setUp: SetUp): void {
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

  test("a path that appears is told to whoever watches for it", async (t) => {
    const { environment, directory } = await setUp(t);
    const older = environment.files.watchMissing([join(directory, "never")]);
    const replaced = assert.rejects(older, /replaced by a newer one/);
    const appeared = environment.files.watchMissing([join(directory, "x")]);
    await replaced;
    await environment.files.makeDirectory(join(directory, "x"));
    await within(10_000, "the change", appeared);
    await environment.files.watchMissing([directory]);
  });
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

function http(setUp: SetUp): void {
  test("a request gives a response of the web", async (t) => {
    const { environment } = await setUp(t);
    const url = await serve(t, async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      response.writeHead(201, { "x-method": request.method, "x-sent": request.headers["x-a"] });
      response.end(Buffer.concat(parts));
    });
    const request = { method: "POST", headers: { "x-a": "b" }, body: "hällo" };
    const response = await environment.fetch(url, request);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-method"), "POST");
    assert.equal(response.headers.get("x-sent"), "b");
    assert.equal(await response.text(), "hällo");
  });

  test("a large body streams, and an empty one may have no body at all", async (t) => {
    const { environment } = await setUp(t);
    const body = Buffer.alloc(8 * 1024 * 1024, "stream");
    const url = await serve(t, (request, response) => {
      if (request.url === "/empty") response.writeHead(204).end();
      else response.end(body);
    });
    const streamed = await (await environment.fetch(url)).arrayBuffer();
    assert.ok(Buffer.from(streamed).equals(body));
    assert.equal((await environment.fetch(`${url}/empty`)).body, null);
  });

  test("a request that is given up ends at the server, before and after its headers", async (t) => {
    const { environment } = await setUp(t);
    const ended: Promise<void>[] = [];
    const url = await serve(t, (request, response) => {
      ended.push(new Promise((resolve) => response.once("close", resolve)));
      if (request.url === "/begins") response.writeHead(200).write("x");
    });
    const controller = new AbortController();
    const begun = await environment.fetch(`${url}/begins`, { signal: controller.signal });
    controller.abort();
    await assert.rejects(begun.text(), { name: "AbortError" });
    const silent = environment.fetch(url, { signal: AbortSignal.timeout(100) });
    await assert.rejects(silent, { name: "TimeoutError" });
    await within(10_000, "the end of both requests", Promise.all(ended));
    assert.equal(ended.length, 2);
  });

  test("a request that cannot be made is an error", async (t) => {
    const { environment } = await setUp(t);
    await assert.rejects(environment.fetch("http://127.0.0.1:1/"), OperationFailedError);
  });
}

function end(setUp: SetUp): void {
  test("closing kills what was started, and whatever waits is told", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["sh", "-c", "echo $$; exec sleep 1000"]);
    let pid = 0;
    for await (const { bytes } of process) {
      pid = Number(Buffer.from(bytes).toString());
      break;
    }
    const waiting = assert.rejects(textOf(process), SessionLostError);
    await environment.close();
    await waiting;
    assert.ok((await environment.lost) instanceof SessionLostError);
    const alive = async () => {
      const status = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
      return /\) [^ZX]/.test(status);
    };
    while (await alive()) await new Promise((resolve) => setTimeout(resolve, 5));
  });
}
