import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import {
  InvalidRequestError,
  OperationFailedError,
  SessionLostError,
  type StartOptions,
} from "../../src/client/library.ts";
import { type SetUp, textOf } from "./environment-workbench.ts";
import { untilDead } from "./process-table.ts";
import { within } from "./within.ts";

/** Commands that are run, and processes that are started. */
export function describeCommands(setUp: SetUp): void {
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

  test("a command gets the name, the size and the variables that it is started with", async (t) => {
    const { environment } = await setUp(t);
    const printed = async (argv: readonly string[], options: StartOptions) =>
      (await environment.run(argv, options)).stdout.trim();
    const named = ["sh", "-c", "tr '\\0' , </proc/$$/cmdline"];
    assert.match(await printed(named, { arg0: "name" }), /^name,-c,/);
    assert.equal(await printed(["stty", "size"], { terminal: { rows: 10, cols: 20 } }), "10 20");
    const only = { env: { A: "b" }, envPolicy: null };
    assert.equal(await printed(["/usr/bin/env"], only), "A=b");
  });

  test("characters that come in pieces are whole in the output", async (t) => {
    const { environment } = await setUp(t);
    const input = `x${"ä".repeat(20_000)}`;
    assert.ok((await environment.run(["cat"], { input })).stdout === input);
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

  test("output is iterated over by one loop at a time", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["cat"], { stdin: true });
    const first = textOf(process);
    await assert.rejects(textOf(process), { name: "TypeError", message: /iterated over already/ });
    await process.stdin.write("one");
    await process.stdin.end();
    assert.equal(await first, "one");
    assert.equal(await textOf(process), "");
  });

  test("a variable that is undefined is not there", async (t) => {
    const { environment } = await setUp(t);
    const env = { THERE: "there", ABSENT: undefined };
    const { stdout } = await environment.run(["sh", "-c", "echo $THERE$ABSENT"], { env });
    assert.equal(stdout, "there\n");
  });

  test("one signal for many operations is no leak that Node would warn of", async (t) => {
    const { environment, directory } = await setUp(t);
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on("warning", note);
    t.after(() => process.off("warning", note));
    const { signal } = new AbortController();
    const many = Array.from({ length: 20 }, () => environment.run(["true"], { signal }));
    await Promise.all([...many, environment.files.stat(directory, { signal })]);
    const streams = many.map(() => environment.files.stream(directory, { signal }));
    await Promise.all(streams.map((stream) => stream.cancel()));
    await setImmediate();
    assert.deepEqual(warnings, []);
  });

  test("output that nobody looks at does not hold a process up", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["sh", "-c", "seq 300000"]);
    await within(30_000, "the end of the process", process.closed);
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

  test("what cannot be is an error that says what can", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["sleep", "1000"], { terminal: true });
    for (const count of [0, -1, 1.5, 65_536, Number.NaN, "5", undefined]) {
      const size = { rows: count as number, cols: 80 };
      const range = "a whole number from 1 to 65535";
      const complaint = `must be ${range}, not ${inspect(count)}`;
      const resizing = process.resize(size);
      await assert.rejects(resizing, new TypeError(`\`size.rows\` ${complaint}`));
      const starting = environment.start(["true"], { terminal: size });
      await assert.rejects(starting, new TypeError(`\`terminal.rows\` ${complaint}`));
    }
    const command = { name: "TypeError", message: /\["ls", "-l"\], not 'ls'$/ };
    await assert.rejects(environment.start("ls" as never), command);
    const signal = { name: "TypeError", message: "`TERM` is no POSIX signal, such as SIGTERM" };
    await assert.rejects(process.kill("TERM" as never), signal);
    const path = { name: "TypeError", message: /^`undefined` is not an absolute path/ };
    await assert.rejects(environment.files.read(undefined as never), path);
  });

  test("a process is interrupted, killed, or ended by its signal", async (t) => {
    const { environment } = await setUp(t);
    const sleeping = () => environment.start(["sleep", "1000"]);
    const interrupted = await sleeping();
    assert.equal(await interrupted.kill("SIGINT"), true);
    assert.equal((await interrupted.exit).exitCode, 130);
    const script = "trap 'echo tidied; exit 7' TERM; echo begun; while :; do sleep 0.01; done";
    const tidy = await environment.start(["sh", "-c", script]);
    for await (const _ of tidy) break;
    assert.equal(await tidy.kill("SIGTERM"), true);
    assert.match(await textOf(tidy), /tidied/);
    assert.equal((await tidy.exit).exitCode, 7);
    assert.equal(await tidy.kill("SIGTERM"), false);
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

  test("a process that nobody knows is an error, and no wait for its end", async (t) => {
    const { environment } = await setUp(t);
    const process = environment.attach("nobody");
    const waits = [process.exit, process.closed, textOf(process)];
    const failures = waits.map((wait) => assert.rejects(wait, InvalidRequestError));
    await within(30_000, "the errors", Promise.all(failures));
  });

  test("writing to a process without stdin fails, and so does a start that cannot be", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["sleep", "1000"]);
    // The message does not name the member of the protocol, which the library hides.
    const message = /was started without a stdin/;
    await assert.rejects(process.stdin.write("x"), { name: "StdinClosedError", message });
    await assert.rejects(environment.start(["/no/such/program"]), OperationFailedError);
    await assert.rejects(environment.start(["true"], { cwd: "relative" }), TypeError);
    await assert.rejects(environment.start(["true"], { signal: AbortSignal.abort() }), {
      name: "AbortError",
    });
  });
}

/** What the end of an environment does to its processes. */
export function describeEnd(setUp: SetUp): void {
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
    await untilDead(pid);
  });
  test("the block in which it is declared by `await using` closes it", async (t) => {
    const { environment } = await setUp(t);
    {
      await using machine = environment;
      await machine.check();
    }
    await assert.rejects(environment.check(), SessionLostError);
  });

  test("a closed environment answers nothing any more, and does nothing", async (t) => {
    const { environment, directory } = await setUp(t);
    const { files } = environment;
    const process = await environment.start(["cat"], { stdin: true });
    const path = join(directory, "file");
    await environment.close();
    const calls = [
      () => environment.start(["true"]),
      () => environment.run(["true"]),
      () => environment.list(),
      () => environment.check(),
      () => environment.fetch("http://127.0.0.1:1"),
      () => process.kill(),
      () => process.stdin.write("x"),
      () => process.stdin.end(),
      () => files.read(directory),
      () => files.write(path, "x"),
      () => files.write(path, new Blob(["x"]).stream()),
      () => files.list(directory),
      () => files.makeDirectory(path),
      () => files.watchMissing([path]),
      () => new Response(files.stream(directory)).text(),
    ];
    const closed = { name: "SessionLostError", message: /was closed by its owner$/ };
    for (const call of calls) await assert.rejects(call, closed, `${call}`);
    assert.deepEqual(await readdir(directory), []);
    await environment.close();
  });
}
