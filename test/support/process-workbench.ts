import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Processes } from "../../src/environment/processes.ts";
import { toRpcError } from "../../src/protocol/errors.ts";
import type {
  Emit,
  MaybePromise,
  Params,
  ProcessEvent,
  Result,
} from "../../src/protocol/methods.ts";
import { ProcessRecorder } from "./process-recorder.ts";

/** Makes processes whose events go to `emit`; `close` ends them and what was made for them. */
export type MakeProcesses<P extends Processes = Processes> = (
  emit: Emit<ProcessEvent>,
) => Promise<{ readonly processes: P; close(): Promise<void> }>;

type StartParams = Params<"process/start">;

/** What one test has at hand. */
export interface Workbench<P extends Processes = Processes> {
  readonly processes: P;
  readonly recorder: ProcessRecorder;
  /** A directory of the test's own. */
  readonly directory: string;
  /** Starts a shell script, or a program with arguments, in the directory. */
  start(
    processId: string,
    what: string | string[],
    more?: Partial<StartParams>,
  ): Promise<Result<"process/start">>;
  /** Starts and waits until it is closed. */
  run(processId: string, what: string | string[], more?: Partial<StartParams>): Promise<void>;
  write(processId: string, text: string | Buffer, writeId?: string): Promise<string>;
  /**
   * Resolves with the pids of the processes that have the environment which `start` gives, when
   * there are so many of them. A process in a namespace does not know its pid outside of it.
   */
  untilLiving(count: number): Promise<number[]>;
}

const usualEnv = { PATH: "/usr/local/bin:/usr/bin:/bin" };

export function startParams(
  processId: string,
  what: string | string[],
  more: Partial<StartParams> = {},
): StartParams {
  return {
    processId,
    argv: typeof what === "string" ? ["/bin/sh", "-c", what] : what,
    cwd: "file:///tmp",
    env: usualEnv,
    tty: false,
    pipeStdin: false,
    enforceManagedNetwork: false,
    ...more,
  };
}

/** Declares a test that has a workbench, and cleans up after it whatever happened. */
export function workbenchTest<P extends Processes>(
  title: string,
  make: MakeProcesses<P>,
  body: (workbench: Workbench<P>) => Promise<void>,
): void {
  test(title, { timeout: 90_000 }, async () => {
    const recorder = new ProcessRecorder();
    const directory = await mkdtemp(join(tmpdir(), "processes-"));
    const { processes, close } = await make(recorder.emit);
    try {
      await body(workbench({ processes, recorder, directory }));
    } finally {
      await close();
      await rm(directory, { recursive: true, force: true });
    }
  });
}

function workbench<P extends Processes>(
  base: Pick<Workbench<P>, "processes" | "recorder" | "directory">,
): Workbench<P> {
  const { processes, recorder, directory } = base;
  let writes = 0;
  const start: Workbench["start"] = (processId, what, more) => {
    const cwd = pathToFileURL(directory).href;
    const env = { ...usualEnv, WORKBENCH: directory };
    return processes.start(startParams(processId, what, { cwd, env, ...more }));
  };
  return {
    ...base,
    start,
    async run(processId, what, more) {
      await start(processId, what, more);
      await recorder.untilClosed(processId);
    },
    async write(processId, text, writeId = `write ${writes++}`) {
      const chunk = Buffer.from(text).toString("base64");
      return (await processes.write({ processId, chunk, writeId })).status;
    },
    untilLiving: (count) => untilBearers(`WORKBENCH=${directory}`, count),
  };
}

async function untilBearers(variable: string, count: number): Promise<number[]> {
  for (;;) {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const bears = await Promise.all(
      pids.map(async (pid) => {
        // That of a dead process is empty, until the process is collected and has none.
        const environ = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
        return environ.split("\0").includes(variable);
      }),
    );
    const bearers = pids.filter((_, at) => bears[at]).map(Number);
    if (bearers.length === count) return bearers;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Asserts that a call fails with this code, and with exactly or about this text. */
export async function fails(
  call: MaybePromise<unknown>,
  code: number,
  text: string | RegExp,
): Promise<void> {
  const error = await Promise.resolve(call).then(
    () => assert.fail("the call did not fail"),
    (thrown) => toRpcError(thrown),
  );
  assert.equal(error.code, code, error.message);
  if (typeof text === "string") assert.equal(error.message, text);
  else assert.match(error.message, text);
}

/** Asserts that an object has these members, whatever others it has. */
export function hasMembers<T extends object>(actual: T, members: Partial<T>): void {
  assert.deepEqual({ ...actual, ...members }, actual);
}

export const numbersFrom1To = (last: number) => Array.from({ length: last }, (_, at) => at + 1);
