import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** On a machine with one core there are no other threads. */
const skip = availableParallelism() === 1;

function makeTree(t: TestContext): string {
  const directory = temporaryFolder(t, "threads-descriptors");
  for (let folder = 0; folder < 20; folder++) {
    const path = join(directory, "tree", `d${folder}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < 30; file++) writeFileSync(join(path, `${file}`), `content ${file}`);
  }
  return directory;
}

const listed = (root: string) => readdirSync(root, { recursive: true }).sort();

/** Runs a program in which `files` work with `threads`, and may have so many descriptors. */
async function runLimited(descriptors: number, directory: string, program: string) {
  const whole = `
    import { closeSync, openSync } from "node:fs";
    import { localFileSystem } from "./src/environment/local/file-system.ts";
    import { FileThreads } from "./src/environment/local/threads/file-threads.ts";
    const warnings = [];
    const threads = new FileThreads({ warn: (text) => warnings.push(text) });
    const files = localFileSystem({ emit: () => true, threads });
    const [tree, copy] = ["tree", "copy"].map((name) => "file://${directory}/" + name);
    async function startHands() {
      const toHand = threads.forTree();
      const nothing = { task: "removeFlatDirectories", directory: "/", names: [] };
      while (!toHand(nothing)) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const fds = [];
    function takeDescriptors(left) {
      try {
        for (;;) fds.push(openSync("/dev/null"));
      } catch {
        // All are taken.
      }
      for (let count = 0; count < left; count++) closeSync(fds.pop());
    }
    ${program}
    console.log(JSON.stringify(warnings));
    await threads.close();`;
  const node = ["--import", "tsx", "--input-type=module", "-e", whole];
  const limited = `ulimit -n ${descriptors}; exec "$0" "$@"`;
  const { stdout } = await promisify(execFile)(
    "/bin/sh",
    ["-c", limited, process.execPath, ...node],
    { cwd: fileURLToPath(new URL("..", import.meta.url)) },
  );
  return JSON.parse(stdout) as string[];
}

describe("where descriptors are scarce", { skip }, () => {
  for (const left of [0, 4, 8]) {
    test(`other threads give theirs to trees that find ${left} free`, async (t) => {
      const directory = makeTree(t);
      const program = `
        await startHands();
        takeDescriptors(${left});
        await files.copy({ sourcePath: tree, destinationPath: copy, recursive: true });
        await files.remove({ path: tree });`;
      const before = listed(join(directory, "tree"));
      const warnings = await runLimited(200, directory, program);
      assert.deepEqual(listed(join(directory, "copy")), before);
      assert.deepEqual(readdirSync(directory), ["copy"]);
      assert.ok(warnings.length <= 1 && warnings.every((text) => text.includes("EMFILE")));
    });
  }
});
