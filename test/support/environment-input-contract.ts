import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import { StdinClosedError } from "../../src/client/library.ts";
import { type SetUp, textOf } from "./environment-workbench.ts";
import { within } from "./within.ts";

/** What is written to a process, and how that ends. */
export function describeInput(setUp: SetUp): void {
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

  test("a source that fails ends the input that it is piped into", async (t) => {
    const { environment } = await setUp(t);
    const reader = await environment.start(["cat"], { stdin: true });
    const failure = new Error("no more of this");
    const source = new ReadableStream<string>({
      start: (controller) => controller.enqueue("begun"),
      pull: (controller) => controller.error(failure),
    });
    await assert.rejects(source.pipeTo(reader.stdin.stream()), failure);
    const { exitCode } = await within(30_000, "the end of the process", reader.exit);
    assert.deepEqual([exitCode, await textOf(reader)], [0, "begun"]);
  });

  test("a pipe from a silent source ends with the process", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(["head", "-n1"], { stdin: true });
    const left = deferred<unknown>();
    const source = new ReadableStream<string>({
      start: (controller) => controller.enqueue("all it reads\n"),
      cancel: left.resolve,
    });
    const piping = source.pipeTo(process.stdin.stream());
    const closed = { name: "StdinClosedError", message: /has ended$/ };
    await within(30_000, "the end of the pipe", assert.rejects(piping, closed));
    assert.ok((await left.promise) instanceof StdinClosedError);
    assert.equal(await textOf(process), "all it reads\n");
  });

  test("input that ends within a line ends the program, in a terminal too", async (t) => {
    const { environment } = await setUp(t);
    const running = environment.run(["cat"], { input: "key", terminal: true });
    const { exitCode, stdout } = await within(30_000, "the end of the program", running);
    // The terminal echoes the key, and the program prints it.
    assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "keykey" });
  });
}
