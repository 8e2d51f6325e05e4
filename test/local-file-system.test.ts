import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { localFileSystem } from "../src/environment/local/file-system.ts";
import { plainFileSystem } from "../src/environment/local/plain-file-system.ts";
import type { Sandbox } from "../src/protocol/sandbox.ts";
import { fails } from "./support/process-workbench.ts";

const path = "file:///proc/self/cmdline";
const root = { type: "special", value: { kind: "root" } } as const;

const sandbox = (permissions: Sandbox["permissions"]): Sandbox => ({
  permissions,
  windowsSandboxLevel: "disabled",
});

function files(t: TestContext) {
  const files = localFileSystem({ emit: () => true });
  t.after(() => files.close());
  return { ...plainFileSystem(files), closeAll: () => files.close() };
}

const open: Record<string, Sandbox | null | undefined> = {
  "is absent": undefined,
  "is null": null,
  "is disabled": sandbox({ type: "disabled" }),
  "is somebody else's": sandbox({ type: "external", network: "restricted" }),
  "leaves files alone": sandbox({
    type: "managed",
    file_system: { type: "unrestricted" },
    network: "restricted",
  }),
};
for (const [title, value] of Object.entries(open)) {
  test(`files are worked on directly when the sandbox ${title}`, async (t) => {
    const { dataBase64 } = await files(t).readFile({ path, sandbox: value });
    assert.notEqual(dataBase64, "");
  });
}

test("closing without params closes every file of the connection", async (t) => {
  const fileSystem = files(t);
  await fileSystem.open({ handleId: "h", path, mode: "read" });
  await fileSystem.closeAll();
  const read = fileSystem.readBlock({ handleId: "h", offset: 0, len: 1 });
  await fails(read, -32004, "unknown file handle `h`");
});

test("an operation that is to be confined is refused, not done", async (t) => {
  const entries = [{ path: root, access: "write" as const }];
  const restricted = sandbox({
    type: "managed",
    file_system: { type: "restricted", entries },
    network: "enabled",
  });
  const text = /^filesystem sandbox cannot be enforced on this executor: /;
  const fileSystem = files(t);
  await fails(fileSystem.readFile({ path, sandbox: restricted }), -32600, text);
  const opened = fileSystem.open({ handleId: "h", path, mode: "read", sandbox: restricted });
  await fails(opened, -32600, text);
});
